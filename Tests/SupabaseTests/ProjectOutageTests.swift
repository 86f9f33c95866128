import CustodeTesting
import Foundation
import Testing

@Suite("A Supabase project that is gone, paused, or takes the key no longer", .timeLimit(.minutes(3)))
struct ProjectOutageTests {
    private static func sound(_ count: Int) -> [UInt8] {
        Sample.wavHeader(samples: (count - 44) / 2) + Sample.noise(count - 44)
    }

    @Test("a paused project: 503 with Retry-After and a sentence in the log, and all is there when it is back")
    func paused() async throws {
        let world = try await World.startOnSupabase(settings: World.collecting)
        let bytes = Self.sound(1_000_000)
        let job = try await world.jobWithInput(bytes)
        try world.standIn.isPaused = true
        expectUnavailable(try await world.get("input", of: job))
        let other = try await world.newJob()
        for size in [1_000, 9_000_000] {
            expectUnavailable(try await world.put("input", of: other, Self.sound(size), type: "audio/wav"))
        }
        #expect(try await world.service.admin.request("GET", "/readyz").status == 503)
        #expect(try await world.service.admin.request("GET", "/healthz").status == 200)
        expectBlocked(try await world.gc("--now", "+1m"), by: "listing")
        try await expectTold("is paused; restore it in the dashboard", world.service)
        #expect(!world.service.log.lowercased().contains("<html"))
        try world.standIn.isPaused = false
        #expect(Sample.firstDifference(try await world.get("input", of: job).body, bytes) == nil)
        _ = try await world.store("input", of: other, bytes, type: "audio/wav")
        try await world.close()
    }

    @Test("serve starts beside a project that does not answer, and makes the bucket's objects once it does")
    func startedEarly() async throws {
        let standIn = try await SupabaseStandIn.start()
        standIn.makeBucket(World.supabaseBucket)
        standIn.isPaused = true
        let world = try await World.prepareOnSupabase(standIn: standIn)
        _ = try await world.service.run(["schema", "install"])
        async let started: Void = world.service.start()
        try await expectTold("the bucket cannot be used yet", world.service)
        standIn.isPaused = false
        try await started
        _ = try await world.jobWithInput()
        try await world.close()
    }

    @Test("the key is taken back in mid-upload: 503, the log names the setting, and nothing is lost")
    func keyOver() async throws {
        let world = try await World.startOnSupabase()
        let kept = try await world.jobWithInput()
        let job = try await world.newJob()
        let sound = Self.sound(20_000_000)
        let connection = try await RawConnection.open(port: world.service.port)
        let head = world.service.client.head(
            "PUT", job.path("input"), headers: world.credentials(of: .alice) + ["Content-Type": "audio/wav"],
            body: .bytes(sound))
        try await connection.send(head + sound.prefix(14_000_000))
        let isBegun = try await eventually { try world.standIn.openUploads.contains { $0.offset > 0 } }
        #expect(isBegun)
        try world.standIn.keysAreOver = true
        try await connection.send(Array(sound.dropFirst(14_000_000)))
        if let reply = try? await connection.read(to: "PUT") { expectUnavailable(reply) }
        try await expectTold("CUSTODE_SUPABASE_KEY", world.service)
        expectUnavailable(try await world.get("input", of: kept))
        try world.standIn.keysAreOver = false
        #expect(try await world.get("input", of: kept).status == 200)
        #expect(try await world.get("input", of: job).status == 404)
        _ = try await world.store("input", of: job, sound, type: "audio/wav")
        try await world.close()
    }

    @Test("the service forgets an upload in the middle: 503, no object, and the next attempt is sound")
    func forgotten() async throws {
        let world = try await World.startOnSupabase()
        let job = try await world.newJob()
        let sound = Self.sound(20_000_000)
        let connection = try await RawConnection.open(port: world.service.port)
        let head = world.service.client.head(
            "PUT", job.path("input"), headers: world.credentials(of: .alice) + ["Content-Type": "audio/wav"],
            body: .bytes(sound))
        try await connection.send(head + sound.prefix(14_000_000))
        let isBegun = try await eventually { try world.standIn.openUploads.contains { $0.offset > 0 } }
        #expect(isBegun)
        try world.standIn.forgetUploads()
        try await connection.send(Array(sound.dropFirst(14_000_000)))
        if let reply = try? await connection.read(to: "PUT") { expectUnavailable(reply) }
        #expect(try await world.get("input", of: job).status == 404)
        _ = try await world.store("input", of: job, sound, type: "audio/wav")
        #expect(Sample.firstDifference(try await world.get("input", of: job).body, sound) == nil)
        try await world.close()
    }

    @Test("a service killed in the middle of an upload leaves nothing that collection does not find")
    func killed() async throws {
        let world = try await World.startOnSupabase(
            settings: World.swift.merging(["CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "1s"]) { $1 })
        let (_, kept) = try await world.jobWith("input")
        let sound = Self.sound(20_000_000)
        for number in 0..<4 {
            let job = try await world.newJob()
            let connection = try await RawConnection.open(port: world.service.port)
            let head = world.service.client.head(
                "PUT", job.path("input"), headers: world.credentials(of: .alice) + ["Content-Type": "audio/wav"],
                body: .bytes(sound))
            try await connection.send(head + sound.prefix(number % 2 == 0 ? 14_000_000 : sound.count))
            try await Task.sleep(for: .milliseconds(20 * number))
            try await world.service.kill9()
            connection.close()
            try await world.service.start()
        }
        try await world.sweep("--now", "+1m")
        let isClean = try await eventually(within: .seconds(30)) {
            try await world.sweep("--now", "+1h")
            let placed = try world.supabaseKeys().filter { !$0.hasPrefix(".") }
            let references = try await world.references().map(\.key)
            return Set(placed) == Set(references)
        }
        #expect(isClean)
        #expect(try world.place(of: kept) == .place)
        try await world.close()
    }
}
