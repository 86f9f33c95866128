import CustodeCore
import PostgresClient

/// The jobs whose input has arrived, for as many processes as like to work on them.
struct CallQueue: Sendable {
    /// For how long a process that says nothing keeps a job.
    static let lease = Duration.seconds(30)

    let pool: PostgresPool
    let credits: Credits
    let settings: Settings.Calls

    private static let claim = PostgresStatement(
        name: "saas_call_claim",
        """
        with due as (
            select d.job_id, j.user_id, j.type from saas.job_details d join jobs j on j.id = d.job_id
            where d.ended_at is null and d.next_attempt_at <= now() and (d.leased_until is null or d.leased_until < now())
                and j.status in ('queued', 'processing') and j.input_ref is not null
            order by d.next_attempt_at limit $1 for update of d, j skip locked),
        started as (update jobs set status = 'processing' from due where jobs.id = due.job_id)
        update saas.job_details d
        set attempts = attempts + 1, epoch = epoch + 1, leased_until = now() + $2 * interval '1 second'
        from due where d.job_id = due.job_id
        returning d.job_id, due.user_id, due.type, d.filename, d.credits, d.attempts, d.epoch
        """)
    private static let renew = PostgresStatement(
        name: "saas_call_renew",
        """
        update saas.job_details set leased_until = now() + $3 * interval '1 second'
        where job_id = $1 and epoch = $2 and ended_at is null
        """)
    // The row of the job comes first, as for whoever deletes it.
    private static let lockJob = PostgresStatement(
        name: "saas_call_lock", "select 1 from jobs where id = $1 for update")
    private static let end = PostgresStatement(
        name: "saas_call_end",
        """
        update saas.job_details set ended_at = now(), leased_until = null, reason = $3
        where job_id = $1 and epoch = $2 and ended_at is null
        """)
    private static let tell = PostgresStatement(
        name: "saas_call_tell", "update jobs set status = $2, completed_at = now() where id = $1")
    private static let postpone = PostgresStatement(
        name: "saas_call_postpone",
        """
        update saas.job_details
        set leased_until = null, next_attempt_at = now() + $3 * interval '1 second', attempts = attempts - $4, reason = $5
        where job_id = $1 and epoch = $2 and ended_at is null
        """)
    private static let log = PostgresStatement(
        name: "saas_usage_log",
        "insert into usage_logs (user_id, job_id, seconds, cost_usd) values ($1, $2, $3, $4::numeric)")

    /// Takes jobs whose time has come.
    func claim(_ most: Int) async throws -> [Call] {
        try await pool.query(Self.claim, [.int(Int64(most)), .int(Int64(Self.lease / .seconds(1)))]).compactMap { row in
            guard let type = JobType(rawValue: try row.text(2)) else { return nil }
            return Call(
                job: try row.text(0), user: try row.text(1), type: type, filename: try row.text(3),
                credits: try row.int(4), attempt: try row.int(5), epoch: try row.int(6))
        }
    }

    /// Keeps a job.
    ///
    /// - Returns: Whether it is still this call's.
    func renew(_ call: Call) async throws -> Bool {
        let values: [PostgresValue] = [.text(call.job), .int(call.epoch), .int(Int64(Self.lease / .seconds(1)))]
        return try await pool.query(Self.renew, values).affectedRows > 0
    }

    /// Gives a job back as if it had not been taken, for whoever goes on in the place of this process.
    func giveBack(_ call: Call) async throws {
        let values: [PostgresValue] = [.text(call.job), .int(call.epoch), .int(0), .int(1), .null]
        _ = try await pool.query(Self.postpone, values)
    }

    /// Records how a call ended, unless the job went or was taken over meanwhile.
    func record(_ outcome: CallOutcome, of call: Call) async throws {
        switch outcome {
        case .void: return
        case .done(let seconds): try await finish(call, "done", reason: nil, seconds: seconds)
        case .refused(let reason): try await finish(call, "failed", reason: reason, seconds: nil)
        case .failed(let reason) where call.attempt >= settings.attempts:
            try await finish(call, "failed", reason: reason, seconds: nil)
        case .failed(let reason):
            let wait = min(settings.retry * Double(1 << min(call.attempt - 1, 20)), .seconds(3_600))
            let values: [PostgresValue] = [
                .text(call.job), .int(call.epoch), .text("\(wait / .seconds(1))"), .int(0), .text(reason),
            ]
            _ = try await pool.query(Self.postpone, values)
        }
    }

    private func finish(_ call: Call, _ status: String, reason: String?, seconds: Double?) async throws {
        try await pool.withTransaction { connection in
            let isThere = try await connection.query(Self.lockJob, [.text(call.job)]).count > 0
            let ended = try await connection.query(
                Self.end, [.text(call.job), .int(call.epoch), .optionalText(reason)])
            guard ended.affectedRows > 0 || !isThere else { return }
            if isThere { _ = try await connection.query(Self.tell, [.text(call.job), .text(status)]) }
            guard let seconds else {
                // Who deleted it in mid-work has had what was paid for.
                if isThere { try await credits.refund(call.credits, for: call.job, of: call.user, connection) }
                return
            }
            let cost = seconds / 3_600 * settings.usdPerHour
            let values: [PostgresValue] = [
                .text(call.user), isThere ? .text(call.job) : .null, .int(Int64(seconds.rounded(.up))),
                .text("\(cost)"),
            ]
            _ = try await connection.query(Self.log, values)
        }
    }
}
