internal import CustodeCore
internal import PostgresClient

/// Reads all that the database knows of keys, in their order, in one snapshot on a connection of its own.
final class SnapshotReader: KnowledgeReader {
    private static let page = 10_000
    /// Sorting millions of references may take a while.
    private static let patience = Duration.seconds(1_800)
    private static let fetch = PostgresStatement(name: "fetch_knowledge", "fetch \(page) from knowledge")

    private let connection: PostgresConnection

    private init(_ connection: PostgresConnection) { self.connection = connection }

    static func begin(_ catalog: PostgresCollection) async throws(CatalogError) -> SnapshotReader {
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(catalog.direct)
            do throws(PostgresError) {
                _ = try await connection.query("begin isolation level repeatable read read only")
                _ = try await connection.query("set local work_mem = '64MB'")
                _ = try await connection.query("set local cursor_tuple_fraction = 1")
                _ = try await connection.query(
                    PostgresStatement(
                        name: nil, "declare knowledge no scroll cursor for \(catalog.statements.knowledge)"),
                    timeout: patience)
            } catch {
                await connection.close()
                throw error
            }
            return SnapshotReader(connection)
        } catch {
            throw CatalogError(error)
        }
    }

    func next() async throws(CatalogError) -> [Knowledge] {
        do throws(PostgresError) {
            let rows = try await connection.query(Self.fetch, timeout: Self.patience)
            var page: [Knowledge] = []
            page.reserveCapacity(rows.count)
            for row in rows { page.append(try Self.knowledge(row)) }
            return page
        } catch {
            throw CatalogError(error)
        }
    }

    func close() async { await connection.close() }

    private static func knowledge(_ row: PostgresRow) throws(PostgresError) -> Knowledge {
        let fact: Knowledge.Fact
        switch try row.text(1) {
        case "r": fact = .reference
        case "i": fact = .intent
        case "e": fact = .event
        default:
            fact = .sighting(
                since: Timestamp(microseconds: try row.int(2)), etag: try row.text(3), size: try row.int(4))
        }
        return Knowledge(key: try row.text(0), fact: fact)
    }
}
