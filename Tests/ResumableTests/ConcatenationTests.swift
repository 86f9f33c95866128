import CustodeTesting
import Foundation
import Testing

@Suite("tus 1.0.0: concatenation")
struct ConcatenationTests {
    private static func final(_ world: World, _ parts: [Upload], of job: TestJob) async throws -> RawResponse {
        let list = parts.map(\.target).joined(separator: " ")
        return try await world.create(
            ["Upload-Concat": "final;\(list)"] + metadata(["job": job.id, "object": "input"]))
    }

    @Test("partial uploads become one object in their order, as often as each is named", arguments: BucketKind.allCases)
    func joined(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let bytes = sound(9_500_000)
        let cuts = [0, 100, 100, 8_500_000, 9_500_000]
        var parts: [Upload] = []
        for (start, end) in zip(cuts, cuts.dropFirst()) {
            parts.append(try await world.partial(Array(bytes[start..<end])))
        }
        let again = try await world.partial(Sample.noise(1_000, seed: 9))
        let reply = try await Self.final(world, parts + [again, again], of: job)
        #expect(reply.status == 201 && reply.header("Custode-Object") != nil, "\(reply.summary)")
        let noise = Sample.noise(1_000, seed: 9)
        try await world.expect(of: job, is: bytes + noise + noise)
        let whole = try world.upload(reply)
        let head = try await whole.head()
        #expect(head.header("Upload-Offset") == "9502000" && head.header("Upload-Length") == "9502000")
        #expect(head.header("Upload-Concat")?.hasPrefix("final;/v1/uploads/") == true)
        expectRefusal(try await whole.patch([], at: 9_502_000), 403)
        // Others may be made of the same.
        let second = try await world.newJob()
        #expect(try await Self.final(world, parts, of: second).status == 201)
        try await world.expect(of: second, is: bytes)
    }

    @Test("a partial upload says so, needs no job, and is not sniffed")
    func partial() async throws {
        let world = try await BucketKind.directory.shared()
        let part = try await world.partial(Array("<!DOCTYPE html><html>".utf8))
        let head = try await part.head()
        #expect(head.header("Upload-Concat") == "partial" && head.header("Upload-Offset") == "21")
        #expect(head.header("Custode-Object") == nil)
    }

    @Test("what the partial uploads make is sniffed when they are joined")
    func sniffed() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let part = try await world.partial(Array("<!DOCTYPE html><html><script>".utf8))
        expectRefusal(try await Self.final(world, [part], of: job), 415)
        #expect(try await world.get("input", of: job).status == 404)
    }

    @Test("an upload that is unfinished, whole, unknown or another's is no part: 400")
    func noParts() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let unfinished = try world.upload(
            try await world.create(["Upload-Concat": "partial", "Upload-Length": "5"]))
        let whole = try await world.begin(1_000, of: try await world.newJob())
        #expect(try await whole.patch(sound(1_000), at: 0).status == 204)
        let foreign = try await world.partial(sound(1_000), as: .bob)
        let good = try await world.partial(sound(1_000))
        for part in [unfinished, whole, foreign] {
            expectRefusal(try await Self.final(world, [good, part], of: job), 400)
        }
        let length: HeaderList = ["Upload-Concat": "final;\(good.target)", "Upload-Length": "1000"]
        expectRefusal(try await world.create(length + metadata(["job": job.id, "object": "input"])), 400)
        expectRefusal(try await Self.final(world, [good], of: try await world.newJob(for: world.bob)), 404)
        expectRefusal(try await Self.final(world, [good], of: try await world.jobWithInput()), 409)
    }

    @Test("parts that together are more than the object may be are 413")
    func tooMuch() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 40_000)
        let part = try await world.partial(text)
        let list = [part, part].map(\.target).joined(separator: " ")
        let names = metadata(["job": job.id, "object": "json"])
        expectRefusal(try await world.create(["Upload-Concat": "final;\(list)"] + names), 413)
    }
}
