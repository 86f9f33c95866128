internal import CustodeCore
internal import PostgresClient

/// The leadership of one run: an advisory lock on a connection of its own, and a number that every act must show.
final class PostgresLeadership: CollectionLeadership {
    // Any number will do, as long as every Custode takes the same.
    private static let lock: Int64 = 0x4375_7374_6F64_66
    /// A million orphans are recorded in one transaction.
    private static let patience = Duration.seconds(1_800)

    let fence: Fence
    private let connection: PostgresConnection
    private let catalog: PostgresCollection

    private init(_ fence: Fence, _ connection: PostgresConnection, _ catalog: PostgresCollection) {
        self.fence = fence
        self.connection = connection
        self.catalog = catalog
    }

    static func begin(
        _ run: CollectionRun, lease: Duration, _ catalog: PostgresCollection
    ) async throws(CatalogError) -> PostgresLeadership? {
        do {
            let connection = try await PostgresConnection.connect(catalog.direct)
            do {
                let statements = catalog.statements
                let isAlone = try await connection.query(statements.tryLead, [.int(lock)]).first?.bool(0) ?? false
                let led = try await connection.query(
                    statements.lead, [.text(run.id), .text(lease.interval), .bool(isAlone)])
                guard let epoch = try led.first?.int(0) else {
                    await connection.close()
                    return nil
                }
                _ = try await connection.query(
                    statements.begin, PostgresCollection.parameters(of: run, epoch: epoch))
                _ = try await connection.query(statements.freeEvents, [.int(epoch)])
                return PostgresLeadership(Fence(epoch: epoch, lease: lease), connection, catalog)
            } catch {
                await connection.close()
                throw error
            }
        } catch let error as PostgresError {
            throw CatalogError(error)
        } catch {
            throw .failed("\(error)")
        }
    }

    func renew() async throws(CatalogError) {
        _ = try await query(catalog.statements.fence, [.int(fence.epoch), .text(fence.lease.interval)])
    }

    func knowledge() async throws(CatalogError) -> any KnowledgeReader {
        try await SnapshotReader.begin(catalog)
    }

    func memories(of keys: [ObjectKey]) async throws(CatalogError) -> [Memory] {
        let rows = try await query(
            catalog.statements.memories,
            [
                .textArray(keys.map(\.text)),
                .textArray(keys.map { catalog.tables.canonical($0.job.text) ?? "" }),
            ])
        return try PostgresCollection.answers(rows, keys.count) { row throws(PostgresError) in
            Memory(jobExists: try row.bool(0), isOurs: try row.bool(1))
        }
    }

    func complete(_ run: CollectionRun, _ report: CollectionReport, seen: any BlobListing) async throws {
        let statements = catalog.statements
        let fence = fence
        do {
            try await connection.withTransaction { connection in
                _ = try await connection.query(
                    statements.fence, [.int(fence.epoch), .text(fence.lease.interval)])
                if report.brake == .firstRun {
                    _ = try await connection.query(statements.forgetSeen, timeout: Self.patience)
                }
                while let page = try await seen.next() {
                    let keys = page.blobs.map { ObjectKey(parsing: $0.key)?.job.text ?? "" }
                    _ = try await connection.query(
                        statements.see,
                        [
                            .text(run.id), .int(run.asOf.microseconds), .textArray(page.blobs.map(\.key)),
                            .textArray(keys), .textArray(page.blobs.map(\.facts.etag)),
                            .textArray(page.blobs.map { String($0.facts.size) }),
                        ], timeout: Self.patience)
                }
                _ = try await connection.query(statements.forgetUnseen, [.text(run.id)], timeout: Self.patience)
                _ = try await connection.query(
                    statements.finish, PostgresCollection.parameters(of: run, report))
            }
        } catch let error as PostgresError {
            throw CatalogError(error)
        }
    }

    func resign() async {
        let (connection, statements, epoch) = (connection, catalog.statements, fence.epoch)
        // A task of its own, since the run's may have been cancelled; awaited, so never adrift.
        await Task {
            // The lock first: were the lease over before it, one could lead without the lock, and the next one with it.
            _ = try? await connection.query(statements.unlock, [.int(Self.lock)])
            _ = try? await connection.query(statements.resign, [.int(epoch)])
            await connection.close()
        }.value
    }

    private func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue]
    ) async throws(CatalogError) -> PostgresResult {
        do throws(PostgresError) {
            return try await connection.query(statement, parameters)
        } catch {
            throw CatalogError(error)
        }
    }
}
