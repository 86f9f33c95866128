internal import Glibc

/// A reading of the monotonic clock, cheap enough to be taken for every piece of a body.
struct MonotonicTime: Comparable {
    static let zero = MonotonicTime(milliseconds: 0)

    let milliseconds: Int64

    static var now: MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }

    static func < (one: MonotonicTime, other: MonotonicTime) -> Bool { one.milliseconds < other.milliseconds }

    static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        let (seconds, attoseconds) = duration.components
        let more = max(0, min(seconds, 1_000_000_000)) * 1_000 + attoseconds / 1_000_000_000_000_000
        return MonotonicTime(milliseconds: time.milliseconds + more)
    }
}
