import CustodeTesting
import Foundation
import Testing

@Suite("Refused uploads leave nothing behind", .serialized)
struct UploadRefusalTests {
    /// A world of this suite's own: what is left can only be counted where nobody else writes.
    private static let world = Once { try await World.start() }

    private func refused(
        _ status: Int, _ object: String = "transcript", kind: TestJob.Kind = .transcription,
        headers: HeaderList = [:], body: RequestBody, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob(kind)
        try await world.expectNothingLeft(sourceLocation: sourceLocation) {
            let reply = try await world.send("PUT", job.path(object), headers: headers, body: body)
            expectProblem(reply, status, sourceLocation: sourceLocation)
        }
        #expect(try await world.get(object, of: job).status == 404, sourceLocation: sourceLocation)
        #expect(try await world.reference(object, of: job) == nil, sourceLocation: sourceLocation)
    }

    @Test(
        "a Content-Digest that is wrong or malformed is 400",
        arguments: [
            SHA256.contentDigest(Sample.text(99)), "sha-256=nonsense", "sha-256=::", "sha-256=:AAAA:",
            "sha-256", "sha-256=:%%%%:", "=:AAAA:",
        ], [true, false])
    func digest(header: String, isChunked: Bool) async throws {
        try await refused(
            400, headers: ["Content-Digest": header],
            body: isChunked ? .chunked([Sample.text()]) : .bytes(Sample.text()))
    }

    @Test("a wrong digest of a body of megabytes is 400, though the bytes were written by then")
    func lateDigest() async throws {
        let other = SHA256.contentDigest(Sample.wav())
        try await refused(
            400, "input", headers: ["Content-Type": "audio/wav", "Content-Digest": other],
            body: .bytes(Sample.wav(samples: 1 << 20)))
    }

    @Test(
        "a body larger than the object may be is 413, declared or found out on the way",
        arguments: [true, false])
    func tooLarge(isChunked: Bool) async throws {
        let text = Array(("\"" + String(repeating: "a", count: 65_535) + "\"").utf8)
        try await refused(413, "json", body: isChunked ? .chunked([text]) : .bytes(text))
    }

    @Test("an empty input is 415 in both framings", arguments: TestJob.Kind.allCases)
    func emptyInput(kind: TestJob.Kind) async throws {
        for body in [RequestBody.bytes([]), .chunked([])] {
            try await refused(415, "input", kind: kind, headers: ["Content-Type": "audio/wav"], body: body)
        }
    }

    @Test("an encoded body is 415", arguments: ["gzip", "br", "deflate", "gzip, identity", "GZIP"])
    func encoded(coding: String) async throws {
        try await refused(415, headers: ["Content-Encoding": coding], body: .bytes(Sample.text()))
    }

    @Test("a claim and a finding of different families are 415, and both are named")
    func mismatch() async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob(.translation)
        try await world.expectNothingLeft {
            let reply = try await world.put("input", of: job, Sample.wav(), type: "text/plain")
            expectProblem(reply, 415)
            let detail = reply.json["detail"].string ?? ""
            #expect(detail.contains("text") && detail.contains("audio"), "\(detail)")
        }
    }

    @Test(
        "text is no input for a transcription or a stream", arguments: [TestJob.Kind.transcription, .stream])
    func textInput(kind: TestJob.Kind) async throws {
        for claim: HeaderList in [[:], ["Content-Type": "text/plain"], ["Content-Type": "audio/wav"]] {
            try await refused(415, "input", kind: kind, headers: claim, body: .bytes(Sample.text()))
        }
    }

    @Test(
        "a transcript that is not strict UTF-8, or holds a NUL, is 415 wherever the fault is",
        arguments: [
            [0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf4, 0x90, 0x80, 0x80], [0x00],
            [0xe2, 0x82],
        ] as [[UInt8]], [0, 4_095, 200_000])
    func notText(fault: [UInt8], offset: Int) async throws {
        let lead = [UInt8](repeating: UInt8(ascii: "a"), count: offset)
        // The last fault is a character cut short, which only the end of the body tells.
        let tail = fault == [0xe2, 0x82] ? [] : [UInt8](repeating: UInt8(ascii: "b"), count: 1_000)
        try await refused(415, headers: ["Content-Type": "text/plain"], body: .bytes(lead + fault + tail))
    }

    @Test("a client that hangs up in the middle leaves nothing", arguments: [true, false])
    func hangUp(isChunked: Bool) async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        let sound = Sample.wav(samples: 200_000)
        try await world.expectNothingLeft {
            let connection = try await RawConnection.open(port: world.service.port)
            let body: RequestBody = isChunked ? .chunked([sound]) : .bytes(sound)
            let head = world.service.client.head(
                "PUT", job.path("input"),
                headers: world.credentials(of: .alice) + ["Content-Type": "audio/wav"],
                body: body)
            try await connection.send(head + body.wire.prefix(250_000))
            let begun = try await eventually { try await world.remains().intents > 0 }
            #expect(begun)
            connection.close()
        }
    }

    @Test("an unknown object, a missing user and a bad credential are refused before anything is kept")
    func notAllowed() async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        try await world.expectNothingLeft {
            let body = RequestBody.bytes(Sample.text())
            expectProblem(try await world.send("PUT", job.path("secrets"), body: body), 404)
            expectProblem(try await world.send("PUT", job.path("transcript"), as: .nobody, body: body), 403)
            expectProblem(try await world.send("PUT", job.path("transcript"), as: .stranger, body: body), 401)
            expectProblem(try await world.send("PUT", job.path("transcript"), as: .bob, body: body), 404)
        }
    }

    @Test("a 409, a 412 and a repeated upload leave nothing either")
    func conflicts() async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        _ = try await world.store("transcript", of: job, Sample.text())
        try await world.expectNothingLeft {
            #expect(try await world.put("transcript", of: job, Sample.text(2)).status == 409)
            let late = try await world.put(
                "transcript", of: job, Sample.text(2), headers: ["If-Match": "\"x\""])
            #expect(late.status == 412)
            let digest = SHA256.contentDigest(Sample.text())
            let same = try await world.put(
                "transcript", of: job, Sample.text(), headers: ["Content-Digest": digest])
            #expect(same.status == 200)
        }
    }
}
