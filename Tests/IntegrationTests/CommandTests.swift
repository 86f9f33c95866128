import CustodeTesting
import Foundation
import Testing

@Suite("Commands, settings and signals", .serialized)
struct CommandTests {
    @Test("unknown and contradictory settings stop the start: exit 1, every fault listed")
    func badSettings() async throws {
        let world = try await World.prepare(settings: [
            "CUSTODE_LISTN": "x", "CUSTODE_POLICY_LINKS_MAX_TLL": "1m", "CUSTODE_DELIVERY": "pigeon",
            "CUSTODE_LOG_LEVEL": "loud",
        ])
        let outcome = try await world.service.run("serve")
        #expect(outcome.status == 1)
        for fault in ["CUSTODE_LISTN", "LINKS_MAX_TLL", "CUSTODE_DELIVERY", "CUSTODE_LOG_LEVEL"] {
            #expect(outcome.errors.contains(fault), "\(outcome.errors)")
        }
    }

    @Test("the names that scripts/run exports are known and ignored")
    func exportedNames() async throws {
        let world = try await World.prepare(settings: [
            "CUSTODE_URL": "http://x", "CUSTODE_ADMIN_URL": "http://y", "CUSTODE_SERVICE_KEY": "cus_a_b",
        ])
        #expect(try await world.service.run("schema", "install").status == 0)
        try await world.service.start()
        try await world.close()
    }

    @Test(
        "wrong usage is exit 2",
        arguments: [["frobnicate"], ["serve", "--no-such-option"], ["link", "--job", "1"]])
    func usage(arguments: [String]) async throws {
        let outcome = try await Command.run(Checkout.binary, arguments)
        #expect(outcome.status == 2, "\(outcome.output)\(outcome.errors)")
    }

    @Test("a new service key works from the next SIGHUP on, and a removed one no longer")
    func reload() async throws {
        let world = try await World.start()
        let job = try await world.jobWithInput()
        let made = try await world.service.run("service-key", "new", "--id", "fresh", "--grants", "delegate")
        #expect(made.status == 0, "\(made.errors)")
        let all = made.output + made.errors
        let key = try #require(all.firstMatch(of: /cus_fresh_[\w-]+/)?.output, "\(all)")
        let line = try #require(all.firstMatch(of: /fresh:[0-9a-f]{64}:delegate/)?.output, "\(all)")
        #expect(line.contains(SHA256.hex(Array(String(key).utf8))))
        let file = try #require(world.service.settings["CUSTODE_SERVICE_KEYS"])
        let fresh: HeaderList = ["Authorization": "Bearer " + String(key), "Custode-User": world.alice]
        let get = { @Sendable (headers: HeaderList) in
            try await world.send("GET", job.path("input"), as: .stranger, headers: headers).status
        }
        #expect(try await get(fresh) == 401)
        try (String(line) + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        world.service.signal(1)
        let isTaken = try await eventually { try await get(fresh) == 200 }
        #expect(isTaken)
        #expect(try await get(world.credentials(of: .alice)) == 401)
        try await world.close()
    }

    @Test("a policy file whose aliases stand for more than fits any machine is a fault, told at once")
    func aliases() async throws {
        let folder = try TestFolder()
        let path = folder.path + "/policy.yaml"
        let lines = (1...40).map { "a\($0): &a\($0) {x: *a\($0 - 1), y: *a\($0 - 1)}\n" }
        try ("a0: &a0 {}\n" + lines.joined()).write(toFile: path, atomically: true, encoding: .utf8)
        let outcome = try await Command.run(
            Checkout.binary, ["check"], environment: Command.environment.merging(["CUSTODE_POLICY": path]) { $1 },
            within: .seconds(20))
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("holds more than"), "\(outcome.errors)")
    }

    @Test("the link key ring is made on first start, for its owner's eyes only")
    func keyRing() async throws {
        let world = try await World.shared()
        let state = world.service.folder.path + "/state"
        let files = TestFolder.files(below: state).keys
        #expect(!files.isEmpty)
        for file in files {
            let attributes = try FileManager.default.attributesOfItem(atPath: state + "/" + file)
            let mode = try #require(attributes[.posixPermissions] as? Int)
            #expect(mode & 0o077 == 0, "\(file) \(String(mode, radix: 8))")
        }
    }

    @Test("SIGTERM lets an upload that is under way finish, begins nothing new, then exits 0")
    func drainUpload() async throws {
        let world = try await World.start()
        let job = try await world.newJob()
        let sound = Sample.wav(samples: 100_000)
        let connection = try await RawConnection.open(port: world.service.port)
        let head = world.service.client.head(
            "PUT", job.path("input"), headers: world.credentials(of: .alice) + ["Content-Type": "audio/wav"],
            body: .bytes(sound))
        try await connection.send(head + sound.prefix(150_000))
        let begun = try await eventually { try await world.remains().intents > 0 }
        #expect(begun)
        async let status = world.service.terminate()
        let isClosed = try await eventually {
            (try? await RawConnection.open(port: world.service.port)) == nil
        }
        #expect(isClosed)
        try await connection.send(Array(sound.dropFirst(150_000)))
        #expect(try await connection.read(to: "PUT").status == 201)
        #expect(try await status == 0)
        #expect(world.stored(try await world.reference("input", of: job) ?? "") == sound)
    }

    @Test("SIGTERM lets a download that is under way finish, then exits 0")
    func drainDownload() async throws {
        let world = try await World.start()
        let large = Sample.wav(samples: 8 << 20)
        let job = try await world.jobWithInput(large)
        let reader = try await RawConnection.open(port: world.service.port, receiveBuffer: 16_384)
        try await reader.send(
            world.service.client.head("GET", job.path("input"), headers: world.credentials(of: .alice)))
        try await reader.take(100_000)
        async let status = world.service.terminate()
        let isClosed = try await eventually {
            (try? await RawConnection.open(port: world.service.port)) == nil
        }
        #expect(isClosed)
        #expect(try await reader.read().body == large)
        #expect(try await status == 0)
    }

    @Test("what was stored, and links that live, outlast a restart")
    func restart() async throws {
        let world = try await World.start()
        let job = try await world.jobWithInput()
        let target = try await world.link("input", of: job)
        let once = try await world.link("input", of: job, ["once": true])
        #expect(try await world.send("GET", once, as: .stranger).status == 200)
        try await world.service.restart()
        #expect(try await world.send("GET", once, as: .stranger).status == 410)
        #expect(try await world.get("input", of: job).body == Sample.wav())
        #expect(try await world.send("GET", target, as: .stranger).status == 200)
        try await world.close()
    }
}
