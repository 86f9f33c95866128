import PostgresClient
import Testing

@Suite("Rate", .serialized) struct RateTests {
    @Test("10,000 queries one after the other, and 20,000 by eight at a time")
    func rate() async throws {
        let pool = PostgresPool(try TestServer.shared.get().configuration(connections: 8))
        let statement = PostgresStatement(name: "rate", "select $1::text")
        _ = try await pool.query(statement, [.text("warm")])
        let single = try await ContinuousClock().measure {
            for _ in 0..<10_000 { _ = try await pool.query(statement, [.text("1")]) }
        }
        let many = try await ContinuousClock().measure {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        for _ in 0..<2_500 { _ = try await pool.query(statement, [.text("1")]) }
                    }
                }
                try await group.waitForAll()
            }
        }
        print(
            "postgres: \(Int(10_000 / (single / .seconds(1)))) q/s alone,",
            "\(Int(20_000 / (many / .seconds(1)))) q/s by eight")
        #expect(pool.statistics.open <= 8)
        await pool.close()
    }
}
