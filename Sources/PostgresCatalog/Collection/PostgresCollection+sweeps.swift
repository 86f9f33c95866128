public import CustodeCore
internal import PostgresClient

extension PostgresCollection {
    /// How the sweeps of late went, for metrics.
    public struct LastSweep: Sendable {
        /// How the last one ended.
        public let verdict: String
        /// The brake that held it.
        public let brake: String?
        /// When it ended.
        public let ended: Timestamp
        /// When the last complete one ended; `nil` if none was.
        public let succeeded: Timestamp?
        /// References without bytes, in the last complete one.
        public let missing: Int64
        /// Strays, in the last complete one.
        public let stray: Int64
    }

    private static let sweeps = PostgresStatement(
        name: "last_sweep",
        """
        select l.verdict, l.brake, (extract(epoch from l.finished_at) * 1000000)::bigint,
            (extract(epoch from s.finished_at) * 1000000)::bigint, coalesce((s.counts ->> 'missing')::bigint, 0),
            coalesce((s.counts ->> 'stray')::bigint, 0)
        from (select * from custode.gc_runs where kind = 'sweep' and not dry_run and finished_at is not null
            order by started_at desc limit 1) l
        left join (select * from custode.gc_runs where kind = 'sweep' and not dry_run and verdict in ('done', 'dry')
            order by started_at desc limit 1) s on true
        """)

    /// How the sweeps of late went; `nil` if there was none.
    public func lastSweep() async throws(CatalogError) -> LastSweep? {
        let rows = try await query(Self.sweeps)
        return try Self.decoding { () throws(PostgresError) in
            guard let row = rows.first else { return nil }
            return LastSweep(
                verdict: try row.text(0), brake: try row.optionalText(1),
                ended: Timestamp(microseconds: try row.int(2)),
                succeeded: try row.optionalInt(3).map { Timestamp(microseconds: $0) }, missing: try row.int(4),
                stray: try row.int(5))
        }
    }
}
