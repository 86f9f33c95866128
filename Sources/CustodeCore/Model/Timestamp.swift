/// A moment, in microseconds since 1970-01-01T00:00:00Z, leap seconds aside.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Microseconds since the epoch.
    public let microseconds: Int64

    /// A moment so many microseconds after the epoch.
    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// A moment so many whole seconds after the epoch.
    public init(seconds: Int64) { microseconds = seconds * 1_000_000 }

    /// Whole seconds since the epoch, rounded down.
    public var seconds: Int64 { (microseconds - (microseconds < 0 ? 999_999 : 0)) / 1_000_000 }

    /// Whether one moment is before the other.
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    /// The moment a duration later, to the microsecond.
    public static func + (left: Timestamp, right: Duration) -> Timestamp {
        let parts = right.components
        return Timestamp(
            microseconds: left.microseconds + parts.seconds * 1_000_000 + parts.attoseconds / 1_000_000_000_000)
    }
}

extension Timestamp {
    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// RFC 3339 in UTC, such as `2026-11-23T01:02:03Z`, with a fraction where there is one.
    public var rfc3339: String {
        let (year, month, day) = civilDate
        let clock = secondOfDay
        let fraction = microseconds - seconds * 1_000_000
        let tail = fraction == 0 ? "" : "." + Self.padded(fraction, 6)
        return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T\(Self.time(clock))\(tail)Z"
    }

    /// The fixed date format of HTTP (RFC 9110 §5.6.7), such as `Mon, 23 Nov 2026 01:02:03 GMT`.
    public var httpDate: String {
        let (year, month, day) = civilDate
        let days = (seconds - secondOfDay) / 86_400
        let weekday = Self.weekdays[Int(((days % 7) + 7) % 7)]
        return "\(weekday), \(Self.padded(day, 2)) \(Self.months[Int(month) - 1]) \(Self.padded(year, 4)) "
            + "\(Self.time(secondOfDay)) GMT"
    }

    /// Reads the fixed date format of HTTP; `nil` for anything else.
    ///
    /// The two obsolete formats are not read: no client of this century sends them.
    public init?(httpDate: String) {
        let parts = httpDate.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 6, let day = Self.number(parts[1], 2),
            let month = Self.months.firstIndex(of: String(parts[2])), let year = Self.number(parts[3], 4)
        else { return nil }
        let clock = parts[4].split(separator: ":", omittingEmptySubsequences: false).map { Self.number($0, 2) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2] else { return nil }
        let days = Self.daysFromCivil(year: year, month: Int64(month) + 1, day: day)
        self.init(seconds: days * 86_400 + hour * 3_600 + minute * 60 + min(second, 59))
        // A date that no calendar has, or that is spelled in another way, is written differently.
        let usual = second == 60 ? httpDate.replacing(":60 GMT", with: ":59 GMT") : httpDate
        guard self.httpDate.utf8.elementsEqual(usual.utf8) else { return nil }
    }

    private static func number(_ text: Substring, _ width: Int) -> Int64? {
        guard text.utf8.count == width, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }

    private var secondOfDay: Int64 { ((seconds % 86_400) + 86_400) % 86_400 }

    // Days to the proleptic Gregorian calendar and back, with years that begin in March so that the leap day is last.
    private var civilDate: (year: Int64, month: Int64, day: Int64) {
        let shifted = (seconds - secondOfDay) / 86_400 + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1
        )
    }

    private static func daysFromCivil(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func time(_ clock: Int64) -> String {
        "\(padded(clock / 3_600, 2)):\(padded(clock / 60 % 60, 2)):\(padded(clock % 60, 2))"
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
