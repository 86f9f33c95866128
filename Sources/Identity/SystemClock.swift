public import CustodeCore
internal import Glibc

/// The machine's clock.
public struct SystemClock: WallClock {
    /// The system's.
    public init() {}

    /// Now, to the microsecond.
    public func now() -> Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}
