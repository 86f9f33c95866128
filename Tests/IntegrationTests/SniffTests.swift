import CustodeTesting
import Foundation
import Testing

@Suite("What may be uploaded: the claim, the finding and the policy", .serialized)
struct SniffTests {
    private static let world = Once {
        try await World.start(settings: ["CUSTODE_POLICY_OBJECTS_JSON_MAX_BYTES": "64MiB"])
    }

    /// A row of `expected.tsv`: a file, what the client claims, and what the service has to say.
    private struct Case {
        let file: String
        let claim: String?
        let object: String
        let kind: TestJob.Kind
        let status: Int
        let storedType: String?

        init(line: Substring) throws {
            let cells = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard cells.count >= 6, let kind = TestJob.Kind(rawValue: cells[3]), let status = Int(cells[4])
            else {
                throw HarnessError("not a case: \(line)")
            }
            file = cells[0]
            claim = cells[1] == "-" ? nil : cells[1]
            object = cells[2]
            self.kind = kind
            self.status = status
            storedType = cells[5] == "-" ? nil : cells[5]
        }
    }

    @Test(
        "each sample, real or hostile, is answered as its table says")
    func samples() async throws {
        let world = try await Self.world.value()
        let folder = try TestFolder()
        try await Command.succeed(
            "/bin/bash", [Checkout.script("make-samples"), folder.path], within: .seconds(300))
        let table = try #require(folder.text("expected.tsv"))
        let lines = table.split(separator: "\n").filter { !$0.hasPrefix("#") && !$0.isEmpty }
        let cases = try lines.filter { !$0.hasPrefix("file\t") }.map(Case.init)
        #expect(!cases.isEmpty)
        var jobs: [TestJob.Kind: [TestJob]] = [:]
        for kind in TestJob.Kind.allCases {
            jobs[kind] = try await world.newJobs(cases.count { $0.kind == kind }, kind)
        }
        for sample in cases {
            let bytes = try #require(FileManager.default.contents(atPath: folder.path + "/" + sample.file))
            guard let job = jobs[sample.kind]?.popLast() else { throw HarnessError("too few jobs") }
            let reply = try await world.put(sample.object, of: job, Array(bytes), type: sample.claim)
            let what =
                "\(sample.file) as \(sample.claim ?? "-") for \(sample.object) of a \(sample.kind.rawValue)"
            #expect(reply.status == sample.status, "\(what): \(reply.summary)")
            if sample.status == 415 { expectProblem(reply, 415) }
            guard reply.status == 201, let type = sample.storedType else { continue }
            #expect(reply.json["content_type"].string?.hasPrefix(type) == true, "\(what): \(reply.text)")
            let served = try await world.get(sample.object, of: job)
            #expect(served.header("Content-Type")?.hasPrefix(type) == true, "\(what): \(served.summary)")
            #expect(served.body == Array(bytes), "\(what)")
        }
    }

    @Test(
        "no claim, octet-stream, and any claim of the found family are good for a sound",
        arguments: [
            nil, "application/octet-stream", "audio/wav", "audio/x-wav", "audio/mpeg", "AUDIO/WAV",
            "audio/wav; a=b",
        ]
            as [String?])
    func claims(claim: String?) async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        let reply = try await world.put("input", of: job, Sample.wav(), type: claim)
        #expect(reply.status == 201, "\(reply.summary)")
    }

    @Test(
        "a claim of another family is 415, whatever the bytes are",
        arguments: [
            "text/plain", "text/html", "application/json", "image/svg+xml", "application/pdf",
            "application/zip",
        ])
    func otherClaim(claim: String) async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        expectProblem(try await world.put("input", of: job, Sample.wav(), type: claim), 415)
    }

    @Test(
        "pages, scripts, programs, documents and archives are no media",
        arguments: [
            "<!DOCTYPE html><html><script>alert(1)</script></html>", "<html>",
            "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            "<?xml version=\"1.0\"?><a/>", "#!/bin/sh\nid\n", "\u{7f}ELF\u{2}\u{1}\u{1}", "MZ\u{0}\u{0}",
            "%PDF-1.7\n",
            "PK\u{3}\u{4}\u{14}\u{0}", "\u{1f}\u{8b}", "ustar",
        ], [nil, "audio/wav", "application/octet-stream"] as [String?])
    func refused(start: String, claim: String?) async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        // Latin-1, since signatures are bytes and not characters.
        let bytes = start.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } + Sample.noise(600)
        expectProblem(try await world.put("input", of: job, bytes, type: claim), 415)
    }

    @Test(
        "an ID3 tag with nothing, or with no frames, behind it is no sound", arguments: [0, 4_096, 100_000])
    func tagAlone(size: Int) async throws {
        let world = try await Self.world.value()
        let length = [21, 14, 7, 0].map { UInt8(size >> $0 & 0x7f) }
        let tag = Array("ID3".utf8) + [4, 0, 0] + length + [UInt8](repeating: 0, count: size)
        for tail in [[], Array("not a frame at all ".utf8), [UInt8](repeating: 0, count: 5_000)] {
            let job = try await world.newJob()
            expectProblem(try await world.put("input", of: job, tag + tail, type: "audio/mpeg"), 415)
        }
    }

    @Test("newlines by the megabyte are judged in no time")
    func newlines() async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        let lines = [UInt8](repeating: 10, count: 1 << 20)
        let started = ContinuousClock.now
        expectProblem(try await world.put("input", of: job, lines, type: "audio/wav"), 415)
        #expect(.now - started < .seconds(3))
    }

    @Test(
        "a text of every sort is an input for a translation",
        arguments: [
            ("text/plain", "Guten Tag.\n"),
            ("application/x-subrip", "1\n00:00:00,000 --> 00:00:01,000\nHello\n"),
            ("text/vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"), ("application/json", "{\"a\": 1}"),
        ])
    func translationInput(claim: String, text: String) async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob(.translation)
        let reply = try await world.put("input", of: job, Array(text.utf8), type: claim)
        #expect(reply.status == 201, "\(reply.summary)")
        #expect(try await world.get("input", of: job).text == text)
    }
}
