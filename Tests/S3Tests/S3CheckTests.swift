import CustodeTesting
import Foundation
import Testing

@Suite("custode check and the settings of an S3 bucket", .timeLimit(.minutes(2)))
struct S3CheckTests {
    @Test("a bucket that is well passes: answers, clock, permissions, conditions, privacy")
    func well() async throws {
        let world = try await World.startOnS3()
        let report = try await world.check()
        #expect(report.status == 0, "\(report.text)")
        for name in [
            "bucket", "bucket clock", "bucket permissions", "bucket conditional writes",
            "bucket conditional deletes", "bucket privacy", "identity",
        ] {
            #expect(report.checks[name]?.ok == true, "\(name): \(report.text)")
        }
        #expect(!report.text.contains(PrivateRGW.custode.secretKey))
        try await world.close()
    }

    @Test("what is wrong with keys and bucket is told in one sentence that names the setting")
    func wrong() async throws {
        let world = try await World.prepareOnS3()
        let endpoint = try world.objects.endpoint
        let nobody = try FreePort.pick()
        for (settings, told) in [
            (["CUSTODE_S3_SECRET_KEY": "wrong"], "CUSTODE_S3_SECRET_KEY"),
            (["CUSTODE_S3_ACCESS_KEY": "nobody"], "CUSTODE_S3_ACCESS_KEY"),
            (["CUSTODE_BUCKET": "s3://there-is-none?endpoint=\(endpoint)"], "CUSTODE_BUCKET"),
            (["CUSTODE_BUCKET": "s3://bucket?endpoint=http://127.0.0.1:\(nobody)"], "does not answer"),
            (
                [
                    "CUSTODE_S3_ACCESS_KEY": PrivateRGW.other.accessKey,
                    "CUSTODE_S3_SECRET_KEY": PrivateRGW.other.secretKey,
                ],
                "policy"
            ),
        ] {
            let report = try await world.check(settings)
            #expect(report.status == 1)
            let bucket = try #require(report.checks["bucket"])
            #expect(!bucket.ok && bucket.detail.contains(told), "\(settings): \(bucket.detail)")
            #expect(!bucket.detail.contains("\n"))
        }
    }

    @Test("settings that contradict one another, or are not what they should be, are all told at once")
    func settings() async throws {
        let world = try await World.prepareOnS3()
        let cases: [([String: String], [String])] = [
            (["CUSTODE_BUCKET": "s3://b?endpoint=http://h"], ["is not s3://bucket"]),
            (["CUSTODE_BUCKET": "s3://bucket?endpoint=ftp://h"], ["endpoint ftp://h is not a URL"]),
            (["CUSTODE_BUCKET": "s3://bucket?endpoint=http://h&style=odd"], ["style is path or virtual"]),
            (["CUSTODE_BUCKET": "s3://bucket?colour=red"], ["colour is not one of"]),
            (["CUSTODE_BUCKET": "s3://bucket/prefix"], ["is not s3://bucket"]),
            (
                ["CUSTODE_BUCKET": "s3://bucket", "CUSTODE_S3_ACCESS_KEY": "", "CUSTODE_S3_SECRET_KEY": ""],
                ["CUSTODE_S3_ACCESS_KEY: required", "CUSTODE_S3_SECRET_KEY: required"]
            ),
            (["CUSTODE_DELIVERY": "accel"], ["accel goes with a directory"]),
            (["CUSTODE_BUCKET": "file:///tmp", "CUSTODE_DELIVERY": "redirect"], ["redirect goes with S3"]),
        ]
        for (settings, told) in cases {
            let outcome = try await world.service.run(["check"], settings: settings)
            #expect(outcome.status == 1, "\(settings)")
            for sentence in told { #expect(outcome.errors.contains(sentence), "\(settings): \(outcome.errors)") }
        }
    }
}
