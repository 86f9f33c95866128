import CustodeCore
import CustodeTesting
import Testing

@testable import BlobStores

@Suite("what is seen to of a Supabase bucket before it is used, and what is tried out of it")
struct SupabaseInspectionTests {
    private func finding(_ name: String, _ findings: [StoreFinding]) throws -> StoreFinding {
        try #require(findings.first { $0.name == name })
    }

    @Test("a bucket that is not there is made, private, once", arguments: [false, true])
    func made(_ omitsCode: Bool) async throws {
        var configuration = SupabaseStandIn.Configuration()
        configuration.omitsCode = omitsCode
        let service = try await SupabaseStandIn.start(configuration)
        let bucket = try TestSupabase(service, key: service.serviceKey)
        try await bucket.store.prepare()
        try await bucket.store.prepare()
        #expect(service.count(matching: "POST /storage/v1/bucket") == 1)
        _ = try await bucket.store.put([[1]], as: key("1"))
        let url = "\(service.url)/storage/v1/object/public/\(TestSupabase.bucket)/\(try key("1").text)"
        let status = try await Command.succeed("/usr/bin/curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", url])
        #expect(status == "400")
    }

    @Test("a bucket whose creation was not answered, or was another's, is taken")
    func lostReply() async throws {
        let service = try await SupabaseStandIn.start()
        let proxy = try FaultProxy(to: service.port)
        let bucket = try TestSupabase(service, key: service.serviceKey, url: proxy.url, proxy: proxy)
        proxy.loseReply(matching: "POST /storage/v1/bucket")
        try await bucket.store.prepare()
        let other = try TestSupabase(service, key: service.serviceKey, bucket: "other", url: proxy.url, proxy: proxy)
        proxy.hold(matching: "POST /storage/v1/bucket", .toServer)
        let preparing = Task { try await other.store.prepare() }
        #expect(try await eventually { proxy.heldCount == 1 })
        service.makeBucket("other")
        proxy.release()
        try await preparing.value
    }

    @Test("a public bucket is refused, also one that another made so meanwhile")
    func publicBucket() async throws {
        let service = try await SupabaseStandIn.start()
        service.makeBucket(TestSupabase.bucket, isPublic: true)
        let bucket = try TestSupabase(service, key: service.serviceKey)
        await #expect(throws: UnfitBucket.self) { try await bucket.store.prepare() }
        let privacy = try finding("bucket privacy", await bucket.store.inspect())
        #expect(!privacy.isGood && privacy.detail.contains("private"))
    }

    @Test("a service that does not answer is no reason to make a bucket", arguments: [402, 404, 502, 540])
    func unknown(_ status: Int) async throws {
        let service = try await SupabaseStandIn.start()
        let bucket = try TestSupabase(service, key: service.serviceKey)
        service.edgeError(status: status, times: .max)
        await #expect(throws: BlobStoreError.self) { try await bucket.store.prepare() }
        #expect(service.count(matching: "POST ") == 0)
    }

    @Test("a key that may not make the bucket is told")
    func anonymous() async throws {
        let service = try await SupabaseStandIn.start()
        for secret in [service.anonKey, service.expiredKey] {
            let bucket = try TestSupabase(service, key: secret)
            await #expect(throws: BlobStoreError.self) { try await bucket.store.prepare() }
        }
    }

    @Test("a bucket that is well passes, and nothing of the trials stays in it")
    func well() async throws {
        let bucket = try await TestSupabase.make()
        let findings = await bucket.store.inspect()
        #expect(findings.count == 5)
        for finding in findings { #expect(finding.isGood, "\(finding)") }
        #expect(try #require(bucket.service).objects(in: TestSupabase.bucket).isEmpty)
    }

    @Test("a wrong key and a wrong bucket are told, and nothing else is then")
    func wrong() async throws {
        let good = try await TestSupabase.make()
        let service = try #require(good.service)
        let worlds = [
            (service.serviceKey, "other", "no bucket other"), (service.expiredKey, TestSupabase.bucket, "expired"),
            ("sb_secret_wrong", TestSupabase.bucket, "CUSTODE_SUPABASE_KEY"),
            (service.anonKey, TestSupabase.bucket, "CUSTODE_"),
        ]
        for (secret, name, hint) in worlds {
            let bucket = try TestSupabase(service, key: secret, bucket: name)
            let findings = await bucket.store.inspect()
            #expect(findings.allSatisfy { !$0.isGood } && findings.contains { $0.detail.contains(hint) }, "\(findings)")
        }
    }

    @Test("a clock that is more than a minute off is told", arguments: [-90, 90])
    func clock(_ seconds: Double) async throws {
        let bucket = try await TestSupabase.make(clock: SkewedClock(seconds: seconds))
        let clock = try finding("bucket clock", await bucket.store.inspect())
        #expect(!clock.isGood && clock.detail.contains("NTP"), "\(clock)")
    }

    @Test("a bucket that takes some types alone is told, and a limit of its own is named")
    func limits() async throws {
        let service = try await SupabaseStandIn.start()
        service.makeBucket("typed", types: ["audio/wav"])
        service.makeBucket("limited", sizeLimit: 1_000_000)
        let typed = try TestSupabase(service, key: service.serviceKey, bucket: "typed")
        let limits = try finding("bucket limits", await typed.store.inspect())
        #expect(!limits.isGood && limits.detail.contains("allowed_mime_types") && limits.detail.contains("audio/wav"))
        let limited = try TestSupabase(service, key: service.serviceKey, bucket: "limited")
        let size = try finding("bucket limits", await limited.store.inspect())
        #expect(size.isGood && size.detail.contains("1000000"))
    }

    @Test(
        "a permission that is missing is told by its name, and what was tried out is taken away",
        arguments: [
            ("POST /storage/v1/object/recordings", "write"), ("GET /storage/v1/object/auth", "read"),
            ("POST /storage/v1/object/list", "list"), ("POST /storage/v1/object/move", "move"),
        ])
    func permissions(_ request: String, _ told: String) async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        proxy.answer(matching: request, with: .supabase(400, "403", "AccessDenied"))
        let permissions = try finding("bucket permissions", await bucket.store.inspect())
        #expect(!permissions.isGood && permissions.detail.hasPrefix("cannot \(told):"), "\(permissions)")
        #expect(try #require(bucket.service).objects(in: TestSupabase.bucket).isEmpty)
    }

    @Test("policies that let nothing be removed, and answer as if, are found out")
    func removal() async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        service.losesDeletes = true
        let permissions = try finding("bucket permissions", await bucket.store.inspect())
        #expect(!permissions.isGood && permissions.detail.hasPrefix("cannot remove:"), "\(permissions)")
    }

    @Test("a move that ends in another way than it must is not taken for one")
    func move() async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        let service = try #require(bucket.service)
        proxy.hold(matching: "POST /storage/v1/object/move", .toServer)
        let inspecting = Task { await bucket.store.inspect() }
        #expect(try await eventually { proxy.heldCount == 1 })
        for object in service.objects(in: TestSupabase.bucket) { service.remove(object.name, in: TestSupabase.bucket) }
        proxy.release()
        let permissions = try finding("bucket permissions", await inspecting.value)
        #expect(!permissions.isGood && permissions.detail.hasPrefix("cannot move:"), "\(permissions)")
    }
}
