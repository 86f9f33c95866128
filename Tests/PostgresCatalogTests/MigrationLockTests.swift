import CustodeCore
import CustodeTesting
import PostgresCatalog
import PostgresClient
import Testing

@Suite("the lock that keeps other migrations out")
struct MigrationLockTests {
    @Test("one has it at a time, and who lets it go leaves it for the next at once")
    func handedOn() async throws {
        let database = try await PrivatePostgres.shared().createSaaSDatabase()
        let configuration = PostgresConfiguration(uri: database.uri)
        let pool = PostgresPool(configuration)
        _ = try await pool.withConnection { try await SchemaInstaller($0).install() }
        let migration = try await PostgresMigration(pool: pool, direct: configuration)
        for _ in 0..<100 {
            let lock = try #require(try await migration.lock())
            await lock.release()
        }
        let lock = try #require(try await migration.lock())
        #expect(try await migration.lock() == nil)
        await lock.release()
        await pool.close()
    }
}
