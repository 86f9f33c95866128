import CustodeTesting
import Foundation
import Synchronization
import Testing

@Suite("Crashes, a full disk, and a database that is away", .serialized)
struct CrashTests {
    private static let rounds =
        Int(ProcessInfo.processInfo.environment["CUSTODE_TEST_ROUNDS"] ?? "") ?? (Checkout.isFastRun ? 3 : 12)

    /// What clients were told is safe.
    private final class Ledger: Sendable {
        private let acknowledged = Mutex<[(job: TestJob, object: String, body: [UInt8])]>([])
        func note(_ job: TestJob, _ object: String, _ body: [UInt8]) {
            acknowledged.withLock { $0.append((job, object, body)) }
        }
        var entries: [(job: TestJob, object: String, body: [UInt8])] { acknowledged.withLock { $0 } }
    }

    /// Uploads to one job after the other until the service is gone.
    private static func upload(_ jobs: [TestJob], seed: UInt32, to world: World, noting ledger: Ledger) async {
        for (index, job) in jobs.enumerated() {
            let seed = seed &+ UInt32(index)
            let (object, body) =
                index % 2 == 0
                ? ("input", Sample.wav(samples: 500 + index * 997 % 40_000, seed: seed))
                : ("transcript", Sample.text(Int(seed)))
            guard let reply = try? await world.put(object, of: job, body) else { return }
            #expect(reply.status == 201, "\(reply.summary)")
            if reply.status == 201 { ledger.note(job, object, body) }
        }
    }

    /// Expects that every reference of the SaaS's tables has its bytes, with the digest that was published.
    private static func expectReferencesHold(_ world: World) async throws {
        let rows = try await world.database.sql(
            """
            select r.key, o.sha256::text, o.size from (
                select input_ref as key from jobs where input_ref is not null
                union all select storage_ref from artifacts where storage_ref is not null) r
            left join custode.objects o using (key)
            """)
        for row in rows {
            let key = try #require(row[0])
            let bytes = try #require(world.stored(key), "\(key) is referenced and absent")
            let digest = try #require(row[1]?.replacing("\\x", with: ""), "\(key) is not in custode.objects")
            #expect(SHA256.hex(bytes) == digest && row[2] == String(bytes.count), "\(key)")
        }
    }

    @Test(
        "kill -9 at any moment: what was answered 201 is served whole, and no reference lacks its bytes",
        .tags(.slow))
    func killed() async throws {
        let world = try await World.start()
        let ledger = Ledger()
        var checked = 0
        for round in 0..<Self.rounds {
            let jobs = try await world.newJobs(240)
            await withTaskGroup { group in
                for client in 0..<4 {
                    let share = Array(jobs[(client * 60)..<(client * 60 + 60)])
                    let seed = UInt32(round * 1_000 + client * 100)
                    group.addTask { await Self.upload(share, seed: seed, to: world, noting: ledger) }
                }
                group.addTask {
                    // Each round ends at another point of the uploads.
                    let goal = ledger.entries.count + 5 + round * 7 % 40
                    _ = try? await eventually { ledger.entries.count >= goal }
                    try? await world.service.kill9()
                }
            }
            try await world.service.start()
            let entries = ledger.entries
            #expect(entries.count > checked, "round \(round) acknowledged nothing")
            for entry in entries[checked...] {
                let reply = try await world.get(entry.object, of: entry.job)
                #expect(reply.status == 200 && reply.body == entry.body, "round \(round): \(reply.status)")
            }
            checked = entries.count
        }
        try await Self.expectReferencesHold(world)
        try await world.close()
    }

    @Test(
        "a full disk is 507, nothing of the upload is left, and there is room for what fits",
        .enabled(if: getuid() == 0))
    func fullDisk() async throws {
        let folder = try TestFolder()
        let bucket = folder.path + "/bucket"
        try FileManager.default.createDirectory(atPath: bucket, withIntermediateDirectories: true)
        try await Command.succeed("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", bucket])
        Reaper.shared.unmount(bucket)
        let world = try await World.start(bucket: bucket)
        let sound = Sample.wav(samples: 1 << 20)
        for body in [RequestBody.bytes(sound), .chunked([sound])] {
            let job = try await world.newJob()
            try await world.expectNothingLeft {
                let reply = try await world.send(
                    "PUT", job.path("input"), headers: ["Content-Type": "audio/wav"], body: body)
                expectProblem(reply, 507)
            }
        }
        let job = try await world.jobWithInput()
        #expect(try await world.get("input", of: job).body == Sample.wav())
        try await world.close()
        try await Command.succeed("/usr/bin/umount", ["-l", bucket])
    }

    @Test("without the database: 503 with Retry-After, not ready but alive; back when it is back")
    func databaseAway() async throws {
        let cluster = try await PrivatePostgres.start()
        let world = try await World.start(cluster: cluster)
        let job = try await world.jobWithInput()
        let target = try await world.link("input", of: job)
        try await cluster.stop(immediate: true)
        for (method, path, caller) in [
            ("GET", job.path("input"), Caller.alice), ("GET", target, .stranger),
            ("PUT", job.path("transcript"), .alice),
            ("DELETE", job.path("input"), .alice), ("POST", job.path("links"), .alice),
            ("GET", job.path("objects"), .alice),
        ] {
            let body: RequestBody =
                method == "PUT"
                ? .bytes(Sample.text()) : method == "POST" ? .json(["object": "input"]) : .none
            let reply = try await world.send(
                method, path, as: caller,
                headers: method == "POST" ? ["Content-Type": "application/json"] : [:],
                body: body)
            expectProblem(reply, 503)
            #expect(Int(reply.header("Retry-After") ?? "") != nil, "\(reply.summary)")
        }
        #expect(try await !world.service.isReady())
        #expect(try await world.service.admin.request("GET", "/healthz").status == 200)
        try await cluster.startAgain()
        let isBack = try await eventually(within: .seconds(30)) {
            let reply = try await world.get("input", of: job)
            #expect([200, 503].contains(reply.status), "\(reply.summary)")
            return reply.status == 200 && reply.body == Sample.wav()
        }
        #expect(isBack)
        let isTaken = try await eventually {
            let reply = try await world.put("transcript", of: job, Sample.text())
            #expect([201, 503].contains(reply.status), "\(reply.summary)")
            return reply.status == 201
        }
        #expect(isTaken)
        #expect(try await world.service.isReady())
        try await world.close()
        try await cluster.stop()
    }

    @Test("connections that the database ends are replaced without a client's notice")
    func connectionsCut() async throws {
        let world = try await World.start()
        let job = try await world.jobWithInput()
        for _ in 0..<3 {
            try await world.database.sql(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()
                """)
            let isServed = try await eventually(within: .seconds(10)) {
                let reply = try await world.get("input", of: job)
                #expect([200, 503].contains(reply.status), "\(reply.summary)")
                return reply.status == 200
            }
            #expect(isServed)
        }
        try await world.close()
    }

    @Test("files planted in the bucket by another hand are never followed out of it")
    func symlink() async throws {
        let world = try await World.start()
        let outside = try TestFolder()
        let job = try await world.newJob()
        let owner = world.bucket + "/users/" + World.encode(world.alice)
        try FileManager.default.createDirectory(atPath: owner + "/jobs", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: owner + "/jobs/" + job.id, withDestinationPath: outside.path)
        let reply = try await world.put("transcript", of: job, Sample.text())
        #expect(reply.status >= 500, "\(reply.summary)")
        #expect(TestFolder.files(below: outside.path).isEmpty)
        let read = try await world.jobWithInput()
        let key = try #require(try await world.reference("input", of: read))
        try "secret".write(toFile: outside.path + "/secret", atomically: true, encoding: .utf8)
        try FileManager.default.removeItem(atPath: world.bucket + "/" + key)
        try FileManager.default.createSymbolicLink(
            atPath: world.bucket + "/" + key, withDestinationPath: outside.path + "/secret")
        let stolen = try await world.get("input", of: read)
        #expect(stolen.status >= 500 && !stolen.text.contains("secret"), "\(stolen.summary)")
        try await world.close()
    }
}
