import CustodeTesting
import Foundation
import Testing

/// What a client knows of an upload of its own.
struct KnownUpload: Sendable {
    enum Dialect: Sendable {
        case tus, draft
    }

    let upload: Upload
    let bytes: [UInt8]
    let dialect: Dialect
    /// What each request carries besides.
    var extra: HeaderList = [:]
    /// Whether it becomes an object by itself.
    var isWhole = true
    /// Where to go on.
    var offset = 0
    /// The highest offset that was told: nothing below it may ever be asked for again.
    var floor = 0
    /// The end of what was ever sent: nothing beyond it can be there.
    var ceiling = 0
    var isDone = false
}

/// One client, which uploads one file after the other and is disturbed all the while.
struct FaultyClient {
    var fleet: FaultyFleet
    var random: SeededGenerator
    /// How large files may be.
    let largest: Int

    var world: World { fleet.world }
    var story: String { fleet.story.name }

    mutating func run() async throws {
        while await fleet.tally.wantsMore { try await uploadFile() }
    }

    private mutating func uploadFile() async throws {
        let job = try await world.newJob(for: Bool.random(using: &random) ? world.alice : world.bob)
        let (object, bytes) = file()
        switch Int.random(in: 0..<10, using: &random) {
        case 0 where bytes.count > 2: try await concatenate(bytes, object, of: job)
        case 1...4:
            var known = try await beginDraft(bytes, object, of: job)
            try await fill(&known)
        default:
            var known = try await beginTus(bytes, metadata(["job": job.id, "object": object]), as: job.user)
            try await fill(&known)
        }
        let reply = try await fleet.insist(&random, "GET", job.path(object), world.credentials(of: .user(job.user)))
        #expect(reply.status == 200, "\(reply.summary); \(story)")
        let difference = Sample.firstDifference(reply.body, bytes)
        #expect(
            difference == nil, "\(object) of \(job.id): \(reply.body.count) for \(bytes.count) bytes; \(story)")
        await fleet.tally.note(FinishedObject(job: job, object: object, bytes: bytes))
    }

    /// Most files are small; a sound has a head, and text may be a single byte.
    private mutating func file() -> (object: String, bytes: [UInt8]) {
        let size =
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<35: Int.random(in: 1...20_000, using: &random)
            case 35..<75: Int.random(in: 2_000...400_000, using: &random)
            case 75..<(fleet.world.s3 == nil ? 93 : 86): Int.random(in: 400_000...4_000_000, using: &random)
            default: Int.random(in: 8_000_000...largest, using: &random)
            }
        if size < 2_000 || (size < 200_000 && Bool.random(using: &random)) {
            // Characters of three bytes: requests break off within them.
            let text = Array(String(repeating: "☃\(random.next())", count: size / 10 + 1).utf8.prefix(size))
            return ("transcript", Array(String(decoding: text, as: UTF8.self).replacing("\u{FFFD}", with: "?").utf8))
        }
        let start = Int.random(in: 0..<1_000_000, using: &random)
        let count = size / 2 * 2
        let head = Sample.wav(samples: (count - 44) / 2).prefix(44)
        return ("input", Array(head) + fleet.noise[start..<start + count - 44])
    }

    /// Goes on until all bytes are there.
    private mutating func fill(_ known: inout KnownUpload) async throws {
        while !known.isDone { try await step(&known) }
    }

    /// Asks how far an upload is, and expects that this can be.
    mutating func ask(_ known: inout KnownUpload, after fault: String) async throws {
        let headers = known.dialect == .tus ? tus : [:]
        let head = try await fleet.insist(&random, "HEAD", known.upload.target, known.upload.credentials + headers)
        guard [200, 204].contains(head.status), let told = head.header("Upload-Offset").flatMap({ Int($0) }) else {
            throw HarnessError("HEAD \(known.upload.target) after \(fault): \(head.summary); \(story)")
        }
        let isPossible = known.floor <= told && told <= known.ceiling
        #expect(
            isPossible,
            "after \(fault): \(told) is not from \(known.floor) to \(known.ceiling), \(known.upload.target); \(story)")
        known.isDone =
            switch known.dialect {
            case .tus: told == known.bytes.count
            case .draft: head.header("Upload-Complete") == "?1"
            }
        if known.isDone, known.isWhole { #expect(head.header("Custode-Object") != nil, "\(head.summary); \(story)") }
        (known.offset, known.floor) = (told, max(known.floor, told))
    }

    private mutating func beginTus(
        _ bytes: [UInt8], _ headers: HeaderList, as user: String
    ) async throws -> KnownUpload {
        let isDeferred = Int.random(in: 0..<6, using: &random) == 0
        let length: HeaderList = ["Upload-Length": String(bytes.count)]
        let size = isDeferred ? ["Upload-Defer-Length": "1"] : length
        let first = Bool.random(using: &random) ? Int.random(in: 0..<bytes.count, using: &random) : 0
        let type: HeaderList = first > 0 ? ["Content-Type": "application/offset+octet-stream"] : [:]
        var known = try await begin("POST", "/v1/uploads", as: user, tus + size + headers + type, bytes, first, .tus)
        // Said with every request: any of them may be the first that is recorded.
        if isDeferred { known.extra = length }
        return known
    }

    private mutating func beginDraft(_ bytes: [UInt8], _ object: String, of job: TestJob) async throws -> KnownUpload {
        let first = Int.random(in: 0..<bytes.count, using: &random)
        let version: HeaderList = Bool.random(using: &random) ? ["Upload-Draft-Interop-Version": "8"] : [:]
        return try await begin(
            "PUT", job.path(object), as: job.user, ["Upload-Complete": "?0"] + version, bytes, first, .draft)
    }

    /// Begins an upload; one whose beginning nobody answered is left behind, and another begun.
    private mutating func begin(
        _ method: String, _ target: String, as user: String, _ headers: HeaderList, _ bytes: [UInt8], _ first: Int,
        _ dialect: KnownUpload.Dialect
    ) async throws -> KnownUpload {
        let credentials = world.credentials(of: .user(user))
        let body: RequestBody = first > 0 || dialect == .draft ? .bytes(Array(bytes[..<first])) : .none
        if Int.random(in: 0..<8, using: &random) == 0, let service = fleet.services.randomElement(using: &random) {
            let head = service.client.head(method, target, headers: credentials + headers, body: body)
            let all = head + body.wire
            let count = Int.random(in: 1...all.count, using: &random)
            if let connection = try? await RawConnection.open(port: service.port) {
                _ = try? await connection.send(Array(all[..<count]))
                connection.reset()
                await fleet.tally.hit("reset of a beginning")
            }
        }
        let reply = try await fleet.insist(&random, method, target, credentials + headers, body)
        var known = KnownUpload(
            upload: try world.upload(reply, as: .user(user)), bytes: bytes, dialect: dialect)
        let told = reply.header("Upload-Offset").flatMap { Int($0) } ?? 0
        #expect(told == first, "\(reply.summary); \(story)")
        (known.offset, known.floor, known.ceiling) = (told, told, first)
        return known
    }

    /// Uploads the halves of a file as two, and has them joined.
    private mutating func concatenate(_ bytes: [UInt8], _ object: String, of job: TestJob) async throws {
        let middle = Int.random(in: 1..<bytes.count, using: &random)
        var targets: [String] = []
        for half in [bytes[..<middle], bytes[middle...]] {
            var known = try await beginTus(Array(half), ["Upload-Concat": "partial"], as: job.user)
            known.isWhole = false
            try await fill(&known)
            targets.append(known.upload.target)
        }
        let headers =
            world.credentials(of: .user(job.user)) + tus + metadata(["job": job.id, "object": object])
            + ["Upload-Concat": "final;" + targets.joined(separator: " ")]
        let reply = try await fleet.insist(&random, "POST", "/v1/uploads", headers)
        // One that nobody answered may have become the object, or be about to.
        #expect([201, 409].contains(reply.status), "\(reply.summary); \(story)")
    }
}
