import CustodeAPI
import CustodeTesting
import Foundation
import HTTPFetch
import NIOCore
import Testing

@Suite("The client, against the service itself")
struct CustodeClientTests {
    private static func client(_ world: World, key: ServiceKey? = nil) throws -> CustodeClient {
        CustodeClient(
            url: "http://127.0.0.1:\(world.service.port)/", serviceKey: (key ?? world.bothKey).text,
            fetcher: try Fetcher(), patience: .seconds(5))
    }

    private static func bytes(_ body: FetchBody) async throws -> [UInt8] {
        Array(try await body.collect(upTo: 1 << 20).readableBytesView)
    }

    @Test("an object is put, listed, read, linked to and deleted", arguments: [IDKind.uuid, .text])
    func whole(ids: IDKind) async throws {
        let world = ids == .uuid ? try await World.shared() : try await World.sharedWithTextIDs()
        let custode = try Self.client(world)
        let job = try await world.newJob().id
        let wav = Sample.wav()
        let put = try await custode.put(
            .bytes(ByteBuffer(bytes: wav)), as: "input", of: job, for: world.alice, contentType: "audio/wav")
        #expect(put.job == job && put.object == "input" && put.size == Int64(wav.count))
        #expect(put.sha256 == SHA256.hex(wav) && put.etag.hasPrefix("\"") && put.createdAt?.hasSuffix("Z") == true)
        let listed = try await custode.objects(of: job, for: world.alice)
        #expect(listed.map(\.key) == [put.key])
        let opened = try await custode.open("input", of: job, for: world.alice)
        #expect(Sample.firstDifference(try await Self.bytes(opened.body), wav) == nil)

        var order = LinkOrder(.download, "input", timeToLive: 60)
        order.disposition = .inline
        order.isOnce = true
        let link = try await custode.mint(order, of: job, for: world.alice)
        #expect(link.method == "GET" && link.object == "input")
        let target = try World.target(of: link.url)
        let read = try await world.send("GET", target, as: .stranger)
        #expect(read.status == 200 && read.header("Content-Disposition")?.hasPrefix("inline") == true)
        #expect(try await world.send("GET", target, as: .stranger).status == 410)

        var upload = LinkOrder(.upload, "transcript")
        upload.maximumBytes = 10
        let grant = try await custode.mint(upload, of: job, for: world.alice)
        #expect(grant.url.hasSuffix("/u/" + grant.token) && grant.method == "PUT")
        let large = try await world.send(
            "PUT", try World.target(of: grant.url), as: .stranger, body: .text("longer than ten bytes"))
        #expect(large.status == 413)

        try await custode.revokeLinks(of: job, for: world.alice)
        #expect(
            try await world.send("PUT", try World.target(of: grant.url), as: .stranger, body: .text("x")).status == 404)
        try await custode.delete("input", of: job, for: world.alice)
        #expect(try await custode.objects(of: job, for: world.alice).isEmpty)
    }

    @Test("a batch answers in order, each with its link or its problem")
    func batch() async throws {
        let world = try await World.shared()
        let custode = try Self.client(world)
        let job = try await world.jobWithInput()
        let other = try await world.newJob(for: world.bob)
        let results = try await custode.mint(
            [
                (job.id, LinkOrder(.download, "input")), (job.id, LinkOrder(.download, "srt")),
                (other.id, LinkOrder(.upload, "input")), (job.id, LinkOrder(.upload, "srt", timeToLive: 60)),
            ], for: world.alice)
        #expect(results.map { (try? $0.get()) != nil } == [true, false, false, true])
        guard case .failure(let problem) = results[2] else { throw HarnessError("another's job has a link") }
        #expect(problem.status == 404 && problem.type.hasPrefix("urn:custode:") && problem.detail != nil)
    }

    @Test("a refusal tells its problem; what passes by itself says so, and when to come again")
    func refusals() async throws {
        let world = try await World.start()
        let custode = try Self.client(world)
        let job = try await world.newJob().id
        func problem(_ call: () async throws -> Void) async throws -> CustodeProblem {
            do {
                try await call()
            } catch CustodeError.refused(let problem) {
                return problem
            }
            throw HarnessError("it was not refused")
        }
        let missing = try await problem { _ = try await custode.open("input", of: job, for: world.alice) }
        #expect(missing.status == 404 && missing.instance?.isEmpty == false)
        let strange = try await problem { _ = try await custode.objects(of: "../../x", for: world.alice) }
        #expect(strange.status == 404)
        let narrow = try Self.client(world, key: world.workerKey)
        let forbidden = try await problem { try await narrow.revokeLinks(of: job, for: world.alice) }
        #expect(forbidden.status == 403 && !CustodeError.refused(forbidden).isPassing)
        let program = try await problem {
            _ = try await custode.put(
                .bytes(ByteBuffer(bytes: [0x7F] + Array("ELF".utf8) + [UInt8](repeating: 2, count: 60))), as: "input",
                of: job, for: world.alice)
        }
        #expect(program.status == 415)
        try await world.service.kill9()
        do {
            _ = try await custode.objects(of: job, for: world.alice)
            Issue.record("nobody is there")
        } catch {
            #expect(error.isPassing)
        }
    }
}
