import CustodeCore
import CustodeTesting
import NIOCore
import Testing

@testable import BlobStores

@Suite("uploads into a Supabase bucket when things go wrong")
struct SupabaseUploadFaultTests {
    private static let small = Sample.noise(70_000)
    private static let large = Sample.noise(13 << 20)
    private static let creation = "POST /storage/v1/object/recordings/users"

    /// What may happen to a request on its way.
    enum Mishap: String, CaseIterable, CustomTestStringConvertible, Sendable {
        case slowDown, lockTimeout, internalError, lostReply, reset, edge
        var testDescription: String { rawValue }

        func strike(_ proxy: FaultProxy, _ part: String, skipping: Int = 0) {
            switch self {
            case .slowDown:
                proxy.answer(matching: part, with: .supabase(429, "429", "SlowDown"), skipping: skipping, times: 1)
            case .lockTimeout:
                proxy.answer(matching: part, with: .supabase(400, "503", "LockTimeout"), skipping: skipping, times: 2)
            case .internalError:
                proxy.answer(matching: part, with: .supabase(500, "500", "Internal"), skipping: skipping, times: 1)
            case .lostReply: proxy.loseReply(matching: part, skipping: skipping)
            case .reset: proxy.loseReply(matching: part, .reset, skipping: skipping, times: 2)
            case .edge: proxy.answer(matching: part, with: .page(502), skipping: skipping, times: 1)
            }
        }
    }

    private func put(_ bytes: [UInt8], to bucket: TestSupabase) async throws {
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: Int64(bytes.count))
        do {
            for piece in S3UploadTests.pieces(bytes) { try await upload.write(ByteBuffer(bytes: piece)) }
            _ = try await upload.seal()
            try await upload.publish(as: key("1"))
        } catch {
            await upload.discard()
            throw error
        }
    }

    /// That the object is there, once and byte for byte.
    private func check(_ bucket: TestSupabase, _ bytes: [UInt8]) throws {
        let service = try #require(bucket.service)
        #expect(service.objects(in: TestSupabase.bucket).map(\.name) == [try key("1").text])
        let stored = try #require(service.bytes(of: key("1").text, in: TestSupabase.bucket))
        #expect(Sample.firstDifference(stored, bytes) == nil)
    }

    @Test("a small upload survives a mishap of its one request, and is made once", arguments: Mishap.allCases)
    func small(_ mishap: Mishap) async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        mishap.strike(proxy, Self.creation)
        try await put(Self.small, to: bucket)
        try check(bucket, Self.small)
    }

    /// The first, the second and the last piece, what begins the upload and what is looked at after.
    static let steps = [
        ("POST /storage/v1/upload", 0), ("PATCH ", 0), ("PATCH ", 1), ("PATCH ", 2), ("GET /storage/v1/object/info", 1),
    ]

    @Test("an upload in pieces survives a mishap of any of its requests", arguments: Mishap.allCases, steps)
    func large(_ mishap: Mishap, _ step: (part: String, skipping: Int)) async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        mishap.strike(proxy, step.part, skipping: step.skipping)
        try await put(Self.large, to: bucket)
        try check(bucket, Self.large)
        let open = try #require(bucket.service).openUploads
        // One that was begun and whose name nobody heard is left to the service; it holds no bytes.
        #expect(open.allSatisfy { $0.offset == 0 } && open.count <= 2)
        if step.part != Self.steps[0].0 { #expect(open.isEmpty) }
    }

    @Test(
        "a connection that breaks in mid-body loses no byte and doubles none, whatever the service keeps of it",
        arguments: [100_000, 3 << 20, 6_200_000, 9 << 20], [true, false])
    func cut(_ count: Int, _ keeps: Bool) async throws {
        var configuration = SupabaseStandIn.Configuration()
        configuration.keepsBrokenBytes = keeps
        let (bucket, proxy) = try await TestSupabase.proxied(configuration)
        proxy.set(.cut(afterBytes: count, .toServer, .reset), times: 2)
        try await put(Self.large, to: bucket)
        try check(bucket, Self.large)
        let (other, otherProxy) = try await TestSupabase.proxied(configuration)
        otherProxy.set(.cut(afterBytes: 20_000, .toServer, .finish), times: 2)
        try await put(Self.small, to: other)
        try check(other, Self.small)
    }

    @Test("a mishap that does not end fails an upload; nothing is at its key, and nothing of it is left open")
    func lasting() async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        let service = try #require(bucket.service)
        proxy.answer(matching: "PATCH ", with: .supabase(400, "503", "LockTimeout"), skipping: 1)
        await #expect(throws: BlobStoreError.self) { try await put(Self.large, to: bucket) }
        #expect(service.objects(in: TestSupabase.bucket).isEmpty)
        #expect(service.openUploads.isEmpty)
    }

    @Test(
        "a publication of which nobody can tell whether it was made is told as that",
        arguments: [70_000, 13 << 20])
    func unsettled(_ size: Int) async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        let bytes = Sample.noise(size)
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: Int64(size))
        for piece in S3UploadTests.pieces(bytes) { try await upload.write(ByteBuffer(bytes: piece)) }
        _ = try await upload.seal()
        proxy.loseReply(matching: "POST /storage/v1/object/recordings", times: .max)
        proxy.loseReply(matching: "PATCH ", times: .max)
        proxy.answer(matching: "GET ", with: .supabase(400, "503", "LockTimeout"))
        let error = await #expect(throws: BlobStoreError.self) { try await upload.publish(as: key("1")) }
        guard case .unsettled? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        try proxy.clear()
        await upload.discard()
        try check(bucket, bytes)
    }

    @Test("a publication that never reached the service is told as not made", arguments: [70_000, 13 << 20])
    func refused(_ size: Int) async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: Int64(size))
        for piece in S3UploadTests.pieces(Sample.noise(size)) { try await upload.write(ByteBuffer(bytes: piece)) }
        _ = try await upload.seal()
        proxy.endConnections()
        proxy.set(.refuse)
        let error = await #expect(throws: BlobStoreError.self) { try await upload.publish(as: key("1")) }
        // On a connection that dies as it is used again nobody can tell what has gone out on it.
        switch error {
        case .unavailable,
            .unsettled where size > Self.small.count:
            break
        default: Issue.record("\(String(describing: error))")
        }
        try proxy.clear()
        await upload.discard()
        #expect(try #require(bucket.service).objects(in: TestSupabase.bucket).isEmpty)
    }

    @Test("a page that says 200 in the service's place is never taken for an object that was stored")
    func portal() async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        proxy.answer(matching: Self.creation, with: .page(200))
        await #expect(throws: BlobStoreError.self) { try await put(Self.small, to: bucket) }
        #expect(try #require(bucket.service).objects(in: TestSupabase.bucket).isEmpty)
        proxy.answer(matching: ".custode/identity.json", with: .page(200))
        await #expect(throws: BlobStoreError.self) { try await bucket.store.setMarker([1]) }
        try proxy.clear()
        proxy.answer(matching: Self.creation, with: .page(200), times: 1)
        try await put(Self.small, to: bucket)
        try check(bucket, Self.small)
    }

    @Test("an upload that the service forgot fails, and is never told as made", arguments: [1, 2, 3])
    func forgotten(_ sent: Int) async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: Int64(Self.large.count))
        await #expect(throws: BlobStoreError.self) {
            let parts = S3UploadTests.pieces(Self.large, of: 6 << 20)
            for (index, piece) in parts.enumerated() {
                try await upload.write(ByteBuffer(bytes: piece))
                if index + 1 == sent {
                    if sent < parts.count {
                        #expect(try await eventually { !service.openUploads.isEmpty || index == 0 })
                    }
                    if sent == parts.count { _ = try await upload.seal() }
                    service.forgetUploads()
                }
            }
            if sent < parts.count {
                _ = try await upload.seal()
                service.forgetUploads()
            }
            try await upload.publish(as: key("1"))
        }
        await upload.discard()
        #expect(service.objects(in: TestSupabase.bucket).isEmpty)
    }

    @Test("an upload that was forgotten after a doubt is told as one that may have been made")
    func forgottenAfterDoubt() async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        proxy.answer(matching: "PATCH ", with: .page(502), skipping: 2, times: 1)
        proxy.answer(
            matching: "PATCH ", with: CannedResponse(404, body: "The file for this url was not found\n"), skipping: 2)
        let error = await #expect(throws: BlobStoreError.self) { try await put(Self.large, to: bucket) }
        guard case .unsettled? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(
        "a service that went back behind what it had taken is told; bytes that are gone are never passed over",
        arguments: [1, 2])
    func goneBack(_ piece: Int) async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        proxy.loseReply(matching: "PATCH ", skipping: piece)
        proxy.answer(
            matching: "HEAD ", with: CannedResponse(200, headers: ["Upload-Offset": "5", "Tus-Resumable": "1.0.0"]))
        if piece == 1 {
            await #expect(throws: BlobStoreError.self) { try await put(Self.large, to: bucket) }
            #expect(try #require(bucket.service).objects(in: TestSupabase.bucket).isEmpty)
        } else {
            // It was the last, and is looked at by its name.
            try await put(Self.large, to: bucket)
            try check(bucket, Self.large)
        }
    }

    @Test(
        "a key that is over in mid-upload, a quota or a limit fails it with the cause", arguments: [403, 402, 413, 540])
    func midway(_ status: Int) async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: Int64(Self.large.count))
        let error = await #expect(throws: BlobStoreError.self) {
            for (index, piece) in S3UploadTests.pieces(Self.large).enumerated() {
                try await upload.write(ByteBuffer(bytes: piece))
                guard index == 60 else { continue }
                switch status {
                case 403: service.keysAreOver = true
                case 402: service.quotaExceeded = .html
                case 540: service.isPaused = true
                default: service.edgeError(status: 413, matching: "PATCH", times: .max)
                }
            }
            _ = try await upload.seal()
            try await upload.publish(as: key("1"))
        }
        let text = "\(error.map(String.init(describing:)) ?? "")"
        let hints = [403: "CUSTODE_SUPABASE_KEY", 402: "quota", 413: "file_size_limit", 540: "paused"]
        #expect(text.contains(hints[status] ?? "?") || status == 403 && text.contains("expired"), "\(text)")
        service.clearTroubles()
        await upload.discard()
        #expect(service.objects(in: TestSupabase.bucket).isEmpty)
        #expect(service.openUploads.isEmpty)
    }
}

extension CannedResponse {
    /// A refusal in the service's envelope.
    static func supabase(_ http: Int, _ status: String, _ code: String, _ message: String = "no") -> CannedResponse {
        CannedResponse(
            http, headers: ["Content-Type": "application/json"],
            body: "{\"statusCode\":\"\(status)\",\"code\":\"\(code)\",\"error\":\"x\",\"message\":\"\(message)\"}")
    }

    /// What edges and portals say.
    static func page(_ status: Int) -> CannedResponse {
        CannedResponse(status, headers: ["Content-Type": "text/html"], body: "<html><body>\(status)</body></html>\n")
    }
}
