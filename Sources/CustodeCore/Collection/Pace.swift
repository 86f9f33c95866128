/// Holds reading to a rate.
struct Pace {
    private let rate: Int64?
    private let since: Timestamp
    private var bytes: Int64 = 0

    /// - Parameter rate: The most bytes a second; `nil` for as many as come.
    init(rate: Int64?, since: Timestamp) {
        self.rate = rate
        self.since = since
    }

    /// How long to rest after these bytes.
    mutating func rest(_ count: Int64, now: Timestamp) -> Duration? {
        guard let rate, rate > 0 else { return nil }
        bytes += count
        let due = Int64(Double(bytes) / Double(rate) * 1_000_000)
        let spent = now.microseconds - since.microseconds
        return due > spent + 10_000 ? .microseconds(due - spent) : nil
    }
}
