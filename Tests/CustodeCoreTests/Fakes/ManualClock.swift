import CustodeCore
import Synchronization

/// A clock that stands still until it is told otherwise.
final class ManualClock: WallClock {
    private let time: Mutex<Timestamp>

    init(_ start: Timestamp = Timestamp(seconds: 1_795_000_000)) { time = Mutex(start) }

    func now() -> Timestamp { time.withLock { $0 } }

    func advance(_ duration: Duration) { time.withLock { $0 = $0 + duration } }

    func set(_ moment: Timestamp) { time.withLock { $0 = moment } }
}
