public import CustodeCore
internal import PostgresClient

extension PostgresCollection {
    /// Tells the outbox of uploads whose lease has lapsed.
    public func lapseIntents() async throws(CatalogError) { _ = try await query(OutboxStatements.lapse) }

    /// How much waits in the outbox.
    public func outbox(_ timing: OutboxTiming) async throws(CatalogError) -> OutboxState {
        let rows = try await query(OutboxStatements.state, Self.parameters(timing))
        return try Self.decoding { () throws(PostgresError) in
            guard let row = rows.first else { throw RowDecoding.nothing }
            return OutboxState(
                due: try row.bool(0) ? 1 : 0, pending: try row.int(1), parked: try row.int(2), oldest: try row.int(3))
        }
    }

    /// Takes events that are due.
    public func claimEvents(
        _ timing: OutboxTiming, run: String, limit: Int, for claim: Duration
    ) async throws(CatalogError) -> [OutboxEvent] {
        let rows = try await query(
            OutboxStatements.claim, Self.parameters(timing) + [.text(run), .int(Int64(limit)), .text(claim.interval)])
        return try Self.decoding { () throws(PostgresError) in
            var events: [OutboxEvent] = []
            for row in rows {
                events.append(OutboxEvent(id: try row.int(0), key: try row.text(1), reason: try row.text(2)))
            }
            return events
        }
    }

    /// Drops events that have been dealt with.
    public func dropEvents(_ ids: [Int64]) async throws(CatalogError) {
        _ = try await query(OutboxStatements.drop, [.textArray(ids.map(String.init))])
    }

    /// Gives events back that could not be dealt with for no fault of theirs.
    public func releaseEvents(_ ids: [Int64]) async throws(CatalogError) {
        _ = try await query(OutboxStatements.release, [.textArray(ids.map(String.init))])
    }

    /// Notes why events failed.
    public func noteFailures(_ failures: [EventFailure]) async throws(CatalogError) {
        _ = try await query(
            OutboxStatements.fail,
            [.textArray(failures.map { String($0.id) }), .textArray(failures.map(\.reason))])
    }

    /// Forgets published objects that nothing refers to and that are nowhere.
    public func forgetAbsent(_ keys: [String]) async throws(CatalogError) {
        _ = try await query(OutboxStatements.forgetAbsent, [.textArray(keys)])
    }

    private static func parameters(_ timing: OutboxTiming) -> [PostgresValue] {
        [.int(timing.asOf.microseconds), .text(timing.delay.interval)]
    }
}
