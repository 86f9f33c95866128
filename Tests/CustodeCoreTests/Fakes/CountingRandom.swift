import CustodeCore
import Synchronization

/// Bytes that differ from call to call and are the same in every run.
final class CountingRandom: RandomSource {
    private let calls = Mutex<UInt8>(0)

    func bytes(_ count: Int) -> [UInt8] {
        let call = calls.withLock { calls -> UInt8 in
            calls &+= 1
            return calls
        }
        return [UInt8](repeating: call, count: count)
    }
}
