import CustodeCore
import PostgresClient

/// The jobs whose input has arrived, for as many processes as like to work on them.
struct CallQueue: Sendable {
    /// For how long a process that says nothing keeps a job.
    static let lease = Duration.seconds(30)
    private static let longestWait = Duration.seconds(3_600)

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
        returning d.job_id, due.user_id, due.type, d.filename, d.attempts, d.epoch, d.input_etag
        """)
    // What waited too long for its input, and what lost it again between two attempts.
    private static let forsaken = PostgresStatement(
        name: "saas_call_forsaken",
        """
        with due as (
            select d.job_id, j.user_id, j.type, j.status = 'processing' as has_begun
            from saas.job_details d join jobs j on j.id = d.job_id
            where d.ended_at is null and (d.leased_until is null or d.leased_until < now())
                and (j.status = 'processing' or d.next_attempt_at < now() - $2 * interval '1 second')
                and j.status in ('queued', 'processing') and j.input_ref is null
            order by d.next_attempt_at limit $1 for update of d, j skip locked)
        update saas.job_details d
        set epoch = epoch + 1, leased_until = now() + $3 * interval '1 second'
        from due where d.job_id = due.job_id
        returning d.job_id, due.user_id, due.type, d.filename, d.attempts, d.epoch, d.input_etag, due.has_begun
        """)
    private static let renew = PostgresStatement(
        name: "saas_call_renew",
        """
        update saas.job_details set leased_until = now() + $3 * interval '1 second'
        where job_id = $1 and epoch = $2 and ended_at is null
        """)
    private static let pin = PostgresStatement(
        name: "saas_call_pin",
        """
        update saas.job_details set input_etag = $3 where job_id = $1 and epoch = $2 and ended_at is null
        """)
    // The row of the job comes first, as for whoever deletes it.
    private static let lockJob = PostgresStatement(
        name: "saas_call_lock", "select input_ref is not null from jobs where id = $1 for update")
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
        set leased_until = null, next_attempt_at = now() + $3 * interval '1 second', attempts = attempts - $4
        where job_id = $1 and epoch = $2 and ended_at is null
        """)
    // An estimate, of which the column holds no more than a million.
    private static let log = PostgresStatement(
        name: "saas_usage_log",
        "insert into usage_logs (user_id, job_id, seconds, cost_usd) values ($1, $2, $3, least($4::float8, 999999)::numeric)"
    )

    /// Takes jobs whose time has come.
    func claim(_ most: Int) async throws -> [Call] {
        let values: [PostgresValue] = [.int(Int64(most)), .int(Int64(Self.lease / .seconds(1)))]
        return try await pool.query(Self.claim, values).compactMap(Self.call)
    }

    /// Ends jobs that nobody sends a file for any more, and gives back what they cost.
    func endForsaken() async throws {
        let values: [PostgresValue] = [
            .int(100), .int(Int64(settings.inputWait / .seconds(1))), .int(Int64(Self.lease / .seconds(1))),
        ]
        for row in try await pool.query(Self.forsaken, values) {
            guard let call = try Self.call(row) else { continue }
            try await record(try row.bool(7) ? .missing : .refused(reason: "The file never came."), of: call)
        }
    }

    private static func call(_ row: PostgresRow) throws -> Call? {
        guard let type = JobType(rawValue: try row.text(2)) else { return nil }
        return Call(
            job: try row.text(0), user: try row.text(1), type: type, filename: try row.text(3),
            attempt: try row.int(4), epoch: try row.int(5), inputETag: try row.optionalText(6))
    }

    /// Keeps a job.
    ///
    /// - Returns: Whether it is still this call's.
    func renew(_ call: Call) async throws -> Bool {
        let values: [PostgresValue] = [.text(call.job), .int(call.epoch), .int(Int64(Self.lease / .seconds(1)))]
        return try await pool.query(Self.renew, values).affectedRows > 0
    }

    /// Notes what is worked on: what was put in its place later is not what was paid for.
    func pin(_ etag: String, of call: Call) async throws {
        _ = try await pool.query(Self.pin, [.text(call.job), .int(call.epoch), .text(etag)])
    }

    /// Whether a call that ends like this is the job's last.
    func isLast(_ outcome: CallOutcome, of call: Call) -> Bool {
        switch outcome {
        case .done, .refused: true
        case .failed: call.attempt >= settings.attempts
        case .missing, .interrupted, .void: false
        }
    }

    /// Records how a call ended, unless the job went or was taken over meanwhile.
    func record(_ outcome: CallOutcome, of call: Call) async throws {
        switch outcome {
        case .void: return
        case .interrupted: try await postpone(call, by: .zero, uncounted: 1)
        case .missing: try await recordMissing(call)
        case .done(let seconds): try await finish(call, "done", reason: nil, seconds: seconds)
        case .refused(let reason): try await finish(call, "failed", reason: reason, seconds: nil)
        case .failed(let reason, _) where isLast(outcome, of: call):
            try await finish(call, "failed", reason: reason, seconds: nil)
        case .failed(_, let wait):
            let backoff = settings.retry * Double(1 << min(call.attempt - 1, 20))
            try await postpone(call, by: min(max(backoff, wait), Self.longestWait), uncounted: 0)
        }
    }

    private func postpone(_ call: Call, by wait: Duration, uncounted: Int64) async throws {
        let values: [PostgresValue] = [
            .text(call.job), .int(call.epoch), .text("\(wait / .seconds(1))"), .int(uncounted),
        ]
        _ = try await pool.query(Self.postpone, values)
    }

    private func recordMissing(_ call: Call) async throws {
        guard let row = try await pool.query(Self.lockJob, [.text(call.job)]).first else { return }
        if try row.bool(0) {
            try await record(.failed(reason: "The storage does not know the job."), of: call)
        } else {
            try await record(.refused(reason: "The file was taken away before the work was done."), of: call)
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
                if isThere { try await credits.refund(call.job, connection) }
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
