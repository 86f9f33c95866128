import CustodeTesting
import Foundation
import Testing

@Suite("A Supabase project: its bucket, its keys, and what check says of them", .timeLimit(.minutes(2)))
struct ProjectTests {
    @Test("the first start makes the bucket, private, and the next finds it")
    func made() async throws {
        let world = try await World.startOnSupabase()
        #expect(try world.standIn.count(matching: "POST /storage/v1/bucket") == 1)
        let report = try await world.check()
        #expect(report.status == 0, "\(report.text)")
        for name in [
            "bucket", "bucket limits", "bucket clock", "bucket permissions", "bucket privacy", "identity",
        ] {
            #expect(report.checks[name]?.ok == true, "\(name): \(report.text)")
        }
        #expect(!report.text.contains(try world.standIn.serviceKey))
        try await world.service.restart()
        #expect(try world.standIn.count(matching: "POST /storage/v1/bucket") == 1)
        #expect(try world.supabaseKeys() == [".custode/identity.json"], "no trial stays")
        try await world.close()
    }

    @Test("a bucket that is public is refused: serve exits with 1 and says why, before a byte is in it")
    func isPublic() async throws {
        let standIn = try await SupabaseStandIn.start()
        standIn.makeBucket(World.supabaseBucket, isPublic: true)
        let world = try await World.prepareOnSupabase(standIn: standIn)
        let installed = try await world.service.run(["schema", "install"])
        #expect(installed.status == 1 && installed.errors.contains("the bucket is public"), "\(installed)")
        let served = try await world.service.run(["serve"])
        #expect(served.status == 1 && served.errors.contains("the bucket is public"), "\(served)")
        #expect(try world.supabaseKeys().isEmpty)
        let report = try await world.check()
        #expect(report.status == 1 && report.checks["bucket privacy"]?.ok == false, "\(report.text)")
    }

    @Test("a secret key goes into apikey alone, a token into both fields, and neither into the log")
    func keys() async throws {
        for isSecret in [true, false] {
            let standIn = try await SupabaseStandIn.start()
            let key = isSecret ? standIn.secretKey : standIn.serviceKey
            let world = try await World.startOnSupabase(
                settings: ["CUSTODE_SUPABASE_KEY": key, "CUSTODE_LOG_LEVEL": "debug"], standIn: standIn)
            let job = try await world.jobWithInput()
            #expect(try await world.get("input", of: job).status == 200)
            #expect(standIn.requests.count > 4)
            for request in standIn.requests {
                #expect(request.headers["apikey"] == key, "\(request.line)")
                let bearer = request.headers["Authorization"]
                #expect(isSecret ? bearer == nil : bearer == "Bearer \(key)", "\(request.line)")
            }
            #expect(!world.service.log.contains(key))
            try await world.close()
        }
    }

    @Test("wrong keys, buckets and URLs are told by check in one sentence that names the setting")
    func wrong() async throws {
        let world = try await World.prepareOnSupabase()
        let standIn = try world.standIn
        standIn.makeBucket(World.supabaseBucket)
        let nobody = try FreePort.pick()
        for (settings, told) in [
            (["CUSTODE_SUPABASE_KEY": "sb_secret_wrong"], "CUSTODE_SUPABASE_KEY"),
            (["CUSTODE_SUPABASE_KEY": standIn.serviceKey.dropLast(4) + "AAAA"], "CUSTODE_SUPABASE_KEY"),
            (["CUSTODE_BUCKET": "supabase://there-is-none?url=\(standIn.url)"], "CUSTODE_BUCKET"),
            (["CUSTODE_BUCKET": "supabase://recordings?url=http://127.0.0.1:\(nobody)"], "does not answer"),
            (["CUSTODE_BUCKET": "supabase://recordings?url=\(standIn.url)/elsewhere"], "CUSTODE_BUCKET"),
        ] as [([String: String], String)] {
            let report = try await world.check(settings)
            #expect(report.status == 1)
            let bucket = try #require(report.checks["bucket"])
            #expect(!bucket.ok && bucket.detail.contains(told), "\(settings): \(bucket.detail)")
            #expect(!bucket.detail.contains("\n"))
        }
        standIn.clockSkew = .seconds(90)
        #expect(try await world.check().checks["bucket clock"]?.ok == false)
    }

    @Test("limits of the bucket that contradict the policy's are told")
    func limits() async throws {
        let standIn = try await SupabaseStandIn.start()
        standIn.makeBucket(World.supabaseBucket, sizeLimit: 50_000_000, types: ["audio/*"])
        let world = try await World.prepareOnSupabase(standIn: standIn)
        let limits = try await world.check().checks["bucket limits"]
        #expect(limits?.ok == false && limits?.detail.contains("allowed_mime_types") == true, "\(limits as Any)")
    }

    @Test("settings that contradict one another, or are not what they should be, are told before anything starts")
    func settings() async throws {
        let world = try await World.prepareOnSupabase()
        let standIn = try world.standIn
        let cases: [([String: String], String)] = [
            (["CUSTODE_BUCKET": "supabase://recordings"], "takes url="),
            (["CUSTODE_BUCKET": "supabase://recordings?url=ftp://h"], "takes url="),
            (["CUSTODE_BUCKET": "supabase://recordings?url=https://h&region=x"], "takes url="),
            (["CUSTODE_BUCKET": "supabase:///?url=https://h"], "is not supabase://bucket?url="),
            (["CUSTODE_SUPABASE_KEY": ""], "required with a supabase:// bucket"),
            (["CUSTODE_SUPABASE_KEY": "sb_publishable_x"], "a publishable key"),
            (["CUSTODE_SUPABASE_KEY": "nonsense"], "neither a JWT nor an sb_secret_ key"),
            (["CUSTODE_SUPABASE_KEY": standIn.anonKey], "the key of the role anon"),
            (["CUSTODE_SUPABASE_KEY": standIn.expiredKey], "has expired"),
            (["CUSTODE_DELIVERY": "accel"], "accel goes with a directory"),
        ]
        for (settings, told) in cases {
            let outcome = try await world.service.run(["check"], settings: settings)
            #expect(outcome.status == 1 && outcome.errors.contains(told), "\(settings): \(outcome)")
            #expect(!outcome.errors.contains(standIn.anonKey) && !outcome.errors.contains(standIn.expiredKey))
        }
    }
}
