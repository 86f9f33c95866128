/// Looks at what is known of keys one fact at a time, and reads further pages as they are needed.
final class KnowledgeCursor {
    private let reader: any KnowledgeReader
    private var page: [Knowledge] = []
    private var place = 0
    private var hasEnded = false

    init(_ reader: any KnowledgeReader) { self.reader = reader }

    /// The next fact, which stays the next; `nil` after the last.
    ///
    /// - Throws: ``CatalogError``, also if the facts are out of order.
    func peek() async throws(CatalogError) -> Knowledge? {
        while place == page.count, !hasEnded {
            let last = page.last
            page = try await reader.next()
            place = 0
            hasEnded = page.isEmpty
            if let last, let first = page.first, KeyOrder.relation(last.key, first.key) == .after {
                throw .failed("the database told of keys out of order")
            }
        }
        return hasEnded ? nil : page[place]
    }

    /// Takes the fact that was looked at.
    func advance() { place += 1 }

    /// Lets go of the reader.
    func close() async { await reader.close() }
}
