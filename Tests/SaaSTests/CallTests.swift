import CustodeTesting
import Foundation
import Testing

@Suite("Calls of technical endpoints: that hang, lie, or answer twice")
struct CallTests {
    private static func outcome(
        _ mode: String, settings: [String: String] = [:], is status: String
    ) async throws -> (world: SaaSWorld, id: String, job: JSON) {
        let world = try await SaaSWorld.start(mode: mode, settings: settings)
        let id = try await world.jobWithInput()
        try await world.expect(status, of: id, within: .seconds(60))
        return (world, id, try await world.detail(id).json["job"])
    }

    @Test(
        "what never comes to a sound end has failed with a reason after its attempts, and its credit is given back",
        arguments: [
            ("hang", "longer than 1 second"), ("lie", "brought nothing forth"), ("crooked", "without sense"),
            ("huge", "without sense"), ("drop", "did not answer"), ("wrong", "brought nothing forth"),
            ("flaky:9", "not able to"),
        ])
    func failing(mode: String, reason: String) async throws {
        let (world, id, job) = try await Self.outcome(mode, settings: ["SAAS_CALL_TIMEOUT": "1s"], is: "failed")
        #expect(job["reason"].string?.contains(reason) == true, "\(job)")
        #expect(job["completed_at"] != .null)
        #expect(world.endpoint.calls.count == 3)
        #expect(try await world.balance() == 20)
        #expect(try await world.count("saas.ledger where kind = 'refund' and job_id = '\(id)'") == 1)
        #expect(try await world.count("usage_logs") == 0)
        try await world.close()
    }

    @Test("a refusal is final at once, and its reason is told as the text that it is")
    func refused() async throws {
        let (world, _, job) = try await Self.outcome("refuse", is: "failed")
        #expect(world.endpoint.calls.count == 1)
        #expect(job["reason"].string?.isEmpty == false)
        #expect(try await world.balance() == 20)
        try await world.close()
    }

    @Test("an endpoint that is away is called again, each time later, until it works")
    func flaky() async throws {
        let (world, id, job) = try await Self.outcome("flaky:2", is: "done")
        #expect(job["reason"] == .null && world.endpoint.calls.count == 3)
        #expect(try await world.count("usage_logs where job_id = '\(id)'") == 1)
        #expect(try await world.balance() == 19)
        try await world.close()
    }

    @Test("who answers twice, or does all twice, is done once", arguments: ["twice", "again"])
    func twice(mode: String) async throws {
        let (world, id, _) = try await Self.outcome(mode, is: "done")
        let second = try await world.jobWithInput()
        try await world.expect("done", of: second)
        #expect(world.endpoint.calls.count == 2)
        for id in [id, second] {
            #expect(try await world.count("usage_logs where job_id = '\(id)'") == 1)
            #expect(try await world.count("artifacts where job_id = '\(id)' and kind = 'transcript'") == 1)
        }
        try await world.close()
    }

    @Test("a reply that is lost on its way means another attempt; a job that failed keeps nothing of any")
    func lost() async throws {
        let (world, id, job) = try await Self.outcome("lost", is: "failed")
        #expect(job["reason"].string?.contains("did not answer") == true)
        #expect(world.endpoint.calls.count == 3)
        #expect(try await world.count("artifacts where job_id = '\(id)'") == 0)
        let objects = try await world.detail(id, links: true).json["objects"].array
        #expect(objects.map { $0["object"].string } == ["input"])
        try await world.close()
    }

    @Test("outputs are told when they are final, and nothing is written behind them")
    func final() async throws {
        let world = try await SaaSWorld.start(delay: "2")
        let job = try await world.jobInWork()
        // Held in mid-work until all has been looked at.
        world.endpoint.signal(SIGSTOP)
        _ = try await world.custode.store("json", of: job, Array("{}".utf8))
        let late = try await world.custode.link("srt", of: job, ["operation": "upload"])
        let early = try await world.detail(job.id, links: true).json
        #expect(early["job"]["status"] == "processing" && early["objects"].array.count == 1, "\(early)")
        world.endpoint.signal(SIGCONT)
        try await world.expect("done", of: job.id)
        #expect(try await world.custode.send("PUT", late, as: .stranger, body: .text("late")).status == 404)
        #expect(try await world.detail(job.id).json["objects"].array.count == 4)
        try await world.close()
    }

    @Test("an input that is replaced or taken away between two attempts is not worked on", arguments: [true, false])
    func otherInput(isReplaced: Bool) async throws {
        let world = try await SaaSWorld.start(mode: "flaky:1", settings: ["SAAS_CALL_RETRY": "3s"])
        let id = try await world.jobWithInput()
        #expect(try await eventually(within: .seconds(30)) { world.endpoint.calls.count == 1 })
        let job = TestJob(id: id, user: world.custode.alice, kind: .transcription)
        #expect(try await world.custode.send("DELETE", job.path("input")).status == 204)
        if isReplaced { _ = try await world.custode.store("input", of: job, Sample.wav(seed: 7)) }
        try await world.expect("failed", of: id, within: .seconds(60))
        let reason = try await world.detail(id).json["job"]["reason"].string ?? ""
        #expect(reason.contains(isReplaced ? "replaced" : "taken away"))
        #expect(world.endpoint.calls.count == 1)
        #expect(try await world.balance() == 20)
        try await world.close()
    }

    @Test("deletion while a job waits for its next attempt gives back what it cost")
    func deleteInWait() async throws {
        let world = try await SaaSWorld.start(mode: "flaky:9", settings: ["SAAS_CALL_RETRY": "60s"])
        let id = try await world.jobWithInput()
        let isWaiting = try await eventually(within: .seconds(30)) {
            try await world.count("saas.job_details where attempts = 1 and leased_until is null") == 1
        }
        #expect(isWaiting)
        #expect(try await world.send("DELETE", "/saas/jobs/\(id)").status == 204)
        #expect(try await world.balance() == 20)
        try await world.close()
    }

    @Test("a call that ends its process each time is not made for ever")
    func poison() async throws {
        let world = try await SaaSWorld.start(settings: ["SAAS_CALL_ATTEMPTS": "2"])
        try await world.api.stop()
        let job = try await world.custode.newJob()
        _ = try await world.custode.store("input", of: job, Sample.wav())
        try await world.custode.database.sql(
            "insert into saas.job_details (job_id, filename, credits, attempts) values ('\(job.id)', 'a.wav', 0, 2)")
        try await world.api.start()
        try await world.expect("failed", of: job.id)
        #expect(world.endpoint.calls.isEmpty)
        try await world.close()
    }

    @Test("an address where no Custode is fails jobs, and does not forget them")
    func wrongAddress() async throws {
        let world = try await SaaSWorld.start()
        try await world.api.stop()
        let job = try await world.custode.newJob()
        _ = try await world.custode.store("input", of: job, Sample.wav())
        try await world.custode.database.sql(
            "insert into saas.job_details (job_id, filename, credits) values ('\(job.id)', 'a.wav', 0)")
        let url = "http://127.0.0.1:\(world.custode.service.port)/elsewhere"
        let other = try SaaSProcess(
            settings: world.api.settings.filter { $0.key != "SAAS_LISTEN" }.merging(["SAAS_CUSTODE_URL": url]) { $1 })
        try await other.start()
        try await world.expect("failed", of: job.id, within: .seconds(120))
        try await other.stop()
        try await world.close()
    }

    @Test("however much a job is said to have cost, it is done")
    func dear() async throws {
        let world = try await SaaSWorld.start(settings: ["SAAS_USD_PER_HOUR": "10000"], seconds: "31000000")
        let id = try await world.jobWithInput()
        try await world.expect("done", of: id)
        #expect(try await world.custode.database.value("select cost_usd from usage_logs") == "999999.000000")
        try await world.close()
    }

    @Test("seconds that cannot be are taken for none")
    func negative() async throws {
        let (world, id, _) = try await Self.outcome("negative", is: "done")
        let log = try await world.custode.database.sql(
            "select seconds, cost_usd = 0 from usage_logs where job_id = '\(id)'")
        #expect(log == [["0", "t"]])
        try await world.close()
    }

    @Test("deletion in the middle of a call: nothing more is recorded or given back, and the next job is served")
    func deleteInCall() async throws {
        let world = try await SaaSWorld.start(delay: "3", settings: ["SAAS_CALLS_AT_ONCE": "1"])
        let id = try await world.jobWithInput()
        try await world.expect("processing", of: id)
        #expect(try await eventually { !world.endpoint.calls.isEmpty })
        #expect(try await world.send("DELETE", "/saas/jobs/\(id)").status == 204)
        let next = try await world.jobWithInput()
        try await world.expect("done", of: next)
        #expect(try await world.balance() == 18)
        #expect(try await world.count("saas.ledger where kind = 'refund'") == 0)
        #expect(try await world.count("artifacts where job_id <> '\(next)'") == 0)
        try await world.close()
    }

    @Test("a process that is told to stop gives its calls back, and the next one makes them at once")
    func stopped() async throws {
        let world = try await SaaSWorld.start(delay: "2")
        let job = try await world.jobInWork()
        world.endpoint.signal(SIGSTOP)
        _ = try await world.custode.store("json", of: job, Array("{}".utf8))
        #expect(try await world.api.stop() == 0)
        world.endpoint.signal(SIGCONT)
        try await world.api.start()
        try await world.expect("done", of: job.id, within: .seconds(30))
        #expect(try await world.count("artifacts where kind = 'json'") == 0, "of the call that was given back")
        #expect(try await world.custode.database.value("select attempts from saas.job_details") == "1")
        #expect(try await world.count("usage_logs") == 1)
        try await world.close()
    }

    @Test("a process that is killed in mid-call: when its lease is over another makes the call, and it counts once")
    func killed() async throws {
        let world = try await SaaSWorld.start(delay: "1")
        let job = try await world.jobInWork()
        try await world.api.stop(SIGKILL)
        let other = try await world.replica()
        try await world.expect("done", of: job.id, within: .seconds(60))
        #expect(try await world.count("usage_logs where job_id = '\(job.id)'") == 1)
        #expect(try await world.custode.database.value("select attempts from saas.job_details") == "2")
        try await other.stop()
        try await world.close()
    }

    @Test("two processes before one database: each job is called for once")
    func replicas() async throws {
        let world = try await SaaSWorld.start(settings: ["SAAS_ALLOWANCE": "100"])
        let other = try await world.replica()
        var ids: [String] = []
        for _ in 0..<20 { ids.append(try await world.jobWithInput()) }
        #expect(
            try await eventually(within: .seconds(60)) { try await world.count("jobs where status = 'done'") == 20 })
        #expect(world.endpoint.calls.count == 20)
        #expect(try await world.count("usage_logs") == 20)
        try await other.stop()
        try await world.close()
    }

    @Test("the database restarts in mid-call: the job is done all the same")
    func restart() async throws {
        let cluster = try await PrivatePostgres.start()
        let world = try await SaaSWorld.start(delay: "2", cluster: cluster)
        let job = try await world.jobInWork()
        try await cluster.stop(immediate: true)
        try await cluster.startAgain()
        try await world.expect("done", of: job.id, within: .seconds(90))
        #expect(try await world.count("usage_logs where job_id = '\(job.id)'") == 1)
        try await world.close()
    }
}
