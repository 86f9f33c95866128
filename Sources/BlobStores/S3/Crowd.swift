/// Does many things a few at a time.
enum Crowd {
    private static let atOnce = 16

    /// The results, in the order of the items.
    static func run<Item: Sendable, Value: Sendable>(
        _ items: [Item], _ work: @escaping @Sendable (Item) async -> Value
    ) async -> [Value] {
        await withTaskGroup(of: (Int, Value).self) { group in
            var values = [Value?](repeating: nil, count: items.count)
            var next = 0
            while next < min(atOnce, items.count) {
                let index = next
                group.addTask { (index, await work(items[index])) }
                next += 1
            }
            while let (done, value) = await group.next() {
                values[done] = value
                guard next < items.count else { continue }
                let index = next
                group.addTask { (index, await work(items[index])) }
                next += 1
            }
            return values.compactMap { $0 }
        }
    }
}
