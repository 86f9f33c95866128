import CustodeCore
import PostgresClient

/// The jobs of users, in the tables that Custode and the pipeline read too.
struct JobStore: Sendable {
    let pool: PostgresPool
    let credits: Credits
    /// Whether the tables make ids of jobs by themselves.
    private let makesIDs: Bool

    /// - Throws: `PostgresError` if there is no table of jobs to be reached.
    init(pool: PostgresPool, credits: Credits) async throws {
        self.pool = pool
        self.credits = credits
        makesIDs = try await pool.query(Self.hasDefault)[0].bool(0)
    }

    private static let hasDefault: PostgresStatement = """
        select atthasdef or attidentity <> '' from pg_attribute where attrelid = 'jobs'::regclass and attname = 'id'
        """
    private static let add = PostgresStatement(
        name: "saas_job_add", "insert into jobs (user_id, type) values ($1, $2) returning id")
    private static let addWithID = PostgresStatement(
        name: "saas_job_add_with_id",
        "insert into jobs (id, user_id, type) values (gen_random_uuid()::text, $1, $2) returning id")
    private static let describe = PostgresStatement(
        name: "saas_job_describe",
        "insert into saas.job_details (job_id, filename, credits, request_key) values ($1, $2, $3, $4)")
    private static let made = PostgresStatement(
        name: "saas_job_made", "select job_id from saas.job_details where request_key = $1")
    private static let columns = """
        j.id, j.type, j.status, coalesce(d.filename, ''), j.input_ref is not null,
        case when j.status = 'failed' then d.reason end, coalesce(d.credits, 0),
        to_char(j.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        to_char(j.completed_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        (extract(epoch from j.created_at) * 1000000)::bigint
        """
    private static let find = PostgresStatement(
        name: "saas_job_find",
        """
        select \(columns) from jobs j left join saas.job_details d on d.job_id = j.id where j.id = $1 and j.user_id = $2
        """)
    private static let first = PostgresStatement(
        name: "saas_jobs_first",
        """
        select \(columns) from jobs j left join saas.job_details d on d.job_id = j.id where j.user_id = $1
        order by j.created_at desc, j.id desc limit $2
        """)
    private static let following = PostgresStatement(
        name: "saas_jobs_following",
        """
        select \(columns) from jobs j left join saas.job_details d on d.job_id = j.id
        where j.user_id = $1 and (j.created_at, j.id) < ('epoch'::timestamptz + $3 * interval '1 microsecond', $4)
        order by j.created_at desc, j.id desc limit $2
        """)
    private static let lock = PostgresStatement(
        name: "saas_job_lock",
        """
        select j.id, coalesce(d.ended_at is null and (d.leased_until is null or d.leased_until < now()), false)
        from jobs j left join saas.job_details d on d.job_id = j.id
        where j.id = $1 and j.user_id = $2 for update of j
        """)
    private static let remove = PostgresStatement(name: "saas_job_remove", "delete from jobs where id = $1")

    /// Makes a job and takes what it costs, both or neither.
    ///
    /// - Parameter key: What its client knows this order by; the same order again is the job that was made before.
    /// - Throws: ``Credits/Exhausted``, `PostgresError`.
    func create(_ type: JobType, filename: String, cost: Int64, key: String?, for user: UserID) async throws -> Job {
        // A user's keys are no other's.
        let key = key.map { "\(user.text) \($0)" }
        let id = try await pool.withTransaction { connection in
            // Orders of one user wait for one another here, so that the same one twice is not two.
            try await credits.renew(user.text, connection)
            if let key, let row = try await connection.query(Self.made, [.text(key)]).first { return try row.text(0) }
            let added = try await connection.query(
                makesIDs ? Self.add : Self.addWithID, [.text(user.text), .text(type.rawValue)])
            let id = try added[0].text(0)
            try await credits.charge(cost, for: id, of: user, connection)
            _ = try await connection.query(
                Self.describe, [.text(id), .text(filename), .int(cost), .optionalText(key)])
            return id
        }
        guard let job = try await find(id, of: user) else { throw Problem.notFound }
        return job
    }

    /// A job of this user's.
    func find(_ id: String, of user: UserID) async throws -> Job? {
        try await understood {
            try await pool.query(Self.find, [.text(id), .text(user.text)]).first.map(Self.job)
        } ?? nil
    }

    /// A page of a user's jobs, the newest first.
    ///
    /// - Returns: The jobs, and where the next page begins if there is one.
    func list(of user: UserID, after cursor: Cursor?, limit: Int) async throws -> (jobs: [Job], next: Cursor?)? {
        var values: [PostgresValue] = [.text(user.text), .int(Int64(limit) + 1)]
        if let cursor { values += [.int(cursor.createdAt), .text(cursor.id)] }
        let parameters = values
        guard
            let rows = try await understood({
                try await pool.query(cursor == nil ? Self.first : Self.following, parameters)
            })
        else { return nil }
        let page = rows.prefix(limit)
        let jobs = try page.map(Self.job)
        guard rows.count > limit, let last = page.last else { return (jobs, nil) }
        return (jobs, Cursor(createdAt: try last.int(9), id: try last.text(0)))
    }

    /// Removes a job's row, whose bytes Custode collects; what is not being worked on, nor was, is given back.
    ///
    /// - Returns: Whether there was one of this user's.
    func delete(_ id: String, of user: UserID) async throws -> Bool {
        try await understood {
            try await pool.withTransaction { connection in
                // In the order in which whoever ends a job takes them: the account comes after the job.
                guard let row = try await connection.query(Self.lock, [.text(id), .text(user.text)]).first else {
                    return false
                }
                let id = try row.text(0)
                _ = try await connection.query(Self.remove, [.text(id)])
                if try row.bool(1) { try await credits.refund(id, connection) }
                return true
            }
        } ?? false
    }

    private static func job(_ row: PostgresRow) throws -> Job {
        Job(
            id: try row.text(0), type: try row.text(1), status: try row.text(2), filename: try row.text(3),
            hasInput: try row.bool(4), reason: try row.optionalText(5), credits: try row.int(6),
            createdAt: try row.text(7), completedAt: try row.optionalText(8))
    }

    /// What the database says; `nil` if an id is of a form that its tables cannot hold, and so of nobody and nothing.
    private func understood<Value>(_ work: () async throws -> Value) async throws -> Value? {
        do {
            return try await work()
        } catch let error as PostgresError where error.isOfForm {
            return nil
        }
    }
}
