import CustodeCore

/// A month of the calendar, in UTC.
struct Month: Sendable {
    private let year: Int
    private let number: Int

    /// The month that a moment is in.
    init(_ moment: Timestamp) {
        let parts = moment.rfc3339.split(separator: "-")
        year = Int(parts[0]) ?? 1970
        number = Int(parts[1]) ?? 1
    }

    private init(year: Int, number: Int) {
        self.year = year
        self.number = number
    }

    /// The one after it.
    var next: Month { number == 12 ? Month(year: year + 1, number: 1) : Month(year: year, number: number + 1) }

    /// Its first day as `2026-11-01`.
    var date: String { "\(year)-\(number < 10 ? "0" : "")\(number)-01" }
}
