internal import CustodeCore

/// Does many things a few at a time.
enum Crowd {
    private static let atOnce = 16

    /// The results, in the order of the items.
    static func run<Item: Sendable, Value: Sendable>(
        _ items: [Item], _ work: @escaping @Sendable (Item) async -> Value
    ) async -> [Value] {
        await withTaskGroup(of: (Int, Value).self) { group in
            var values = [Value?](repeating: nil, count: items.count)
            var waiting = items.enumerated().makeIterator()
            var running = 0
            while true {
                if running < atOnce, let (index, item) = waiting.next() {
                    group.addTask { (index, await work(item)) }
                    running += 1
                } else if let (index, value) = await group.next() {
                    values[index] = value
                    running -= 1
                } else {
                    return values.compactMap { $0 }
                }
            }
        }
    }

    /// What was found, in the order of the keys; the first error if there is one.
    static func find<Found: Sendable>(
        _ keys: [String], _ look: @escaping @Sendable (String) async throws(BlobStoreError) -> Found?
    ) async throws(BlobStoreError) -> [Found?] {
        let results = await run(keys) { key in
            await Result.of { () throws(BlobStoreError) in try await look(key) }
        }
        var found: [Found?] = []
        for result in results { found.append(try result.get()) }
        return found
    }
}
