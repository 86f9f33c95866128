import CustodeCore
import Synchronization

/// What the ports were asked to do, in order.
final class Journal: Sendable {
    enum Step: Equatable {
        case find, beginIntent(String), move(String), renew, cancel, abandon, publishRow(String), burn, isBurnt
        case forget(Publication.Expectation)
        case beginUpload, write, seal, publishBlob(String), discard, open(String)
        case sniff
    }

    private let taken = Mutex<[Step]>([])

    func note(_ step: Step) { taken.withLock { $0.append(step) } }

    var steps: [Step] { taken.withLock { $0 } }

    func forget() { taken.withLock { $0 = [] } }

    func count(_ step: Step) -> Int { steps.count { $0 == step } }

    func place(_ step: Step) -> Int? { steps.firstIndex(of: step) }
}
