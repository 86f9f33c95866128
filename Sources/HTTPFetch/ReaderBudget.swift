/// How many bytes may wait for each reader, so that all together stay within one number.
///
/// The first get much. With what is left, what the next one gets goes down, to a least that everybody has.
struct ReaderBudget {
    static let least = 8 * 1_024
    static let greatest = 256 * 1_024

    private let whole: Int
    private(set) var granted = 0

    init(_ whole: Int) { self.whole = whole }

    mutating func grant() -> Int {
        let mark = max(Self.least, min(Self.greatest, (whole - granted) / 8))
        granted += mark
        return mark
    }

    mutating func take(back mark: Int) { granted -= mark }
}
