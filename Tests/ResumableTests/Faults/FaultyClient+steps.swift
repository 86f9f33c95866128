import CustodeTesting
import Foundation
import Testing

extension FaultyClient {
    /// How a request that appends may go.
    private enum Way: String {
        case whole
        case reset = "reset in mid-body"
        case finish = "FIN in mid-body"
        case stall = "stalled body"
        case unread = "reply unread"
        case wrong = "wrong checksum"
        case broken = "checksum and reset"
        case twice = "two at once"
        case asleep = "sleep in mid-body"
    }

    /// The ways as often as they are gone.
    private static let ways: [Way] = [
        .whole, .whole, .whole, .whole, .whole, .reset, .reset, .reset, .finish, .finish, .stall, .unread, .unread,
        .wrong, .broken, .twice, .asleep, .asleep,
    ]

    /// A request on its way.
    private struct Chunk {
        let head: [UInt8]
        let body: [UInt8]
        let count: Int
        let completes: Bool
    }

    /// Sends one request, in good order or not, and finds out what came of it.
    mutating func step(_ known: inout KnownUpload) async throws {
        let count = chunkSize(known)
        var way = Self.ways.randomElement(using: &random) ?? .whole
        // A byte too many would end an upload of the draft, and must.
        if count == 0, way == .wrong || way == .broken { way = .unread }
        let services = fleet.services.shuffled(using: &random)
        guard let connection = try? await RawConnection.open(port: services[0].port) else {
            return try await Task.sleep(for: .milliseconds(20))
        }
        defer { connection.close() }
        if way == .whole {
            let chunk = chunk(known, count, chunked: Int.random(in: 0..<4, using: &random) == 0)
            return try await sendWhole(chunk, &known, connection)
        }
        if way == .asleep {
            try await putToSleep(&known, count, connection, services[0], services[1])
        } else {
            try await disturb(way, &known, count, connection, services[1])
        }
        await fleet.tally.hit(way.rawValue)
        try await ask(&known, after: way.rawValue)
    }

    private mutating func chunkSize(_ known: KnownUpload) -> Int {
        let left = known.bytes.count - known.offset
        let most = [100, 5_000, 200_000, 3_000_000, left].randomElement(using: &random) ?? left
        // Large files in small requests would take all day.
        return min(left, max(Int.random(in: 0...max(0, most), using: &random), known.bytes.count / 20, 1))
    }

    private mutating func sendWhole(
        _ chunk: Chunk, _ known: inout KnownUpload, _ connection: RawConnection
    ) async throws {
        let asked = known.offset
        known.ceiling = max(known.ceiling, asked + chunk.count)
        _ = try? await connection.send(chunk.head + chunk.body)
        let reply = await fleet.reply(connection)
        guard let reply, [201, 204].contains(reply.status) else {
            if let reply {
                let isExplained = reply.status == 409 || FaultyFleet.isTrouble(reply)
                #expect(isExplained, "\(reply.summary), \(known.upload.target); \(story)")
            }
            try await ask(&known, after: "answer \(reply?.status ?? 0)")
            // Refused for its offset, though that was right?
            if reply?.status == 409 { #expect(known.offset != asked, "\(reply?.summary ?? ""); \(story)") }
            return
        }
        let told = reply.header("Upload-Offset").flatMap { Int($0) }
        #expect(told == asked + chunk.count, "\(reply.summary), \(known.upload.target); \(story)")
        (known.offset, known.floor) = (asked + chunk.count, max(known.floor, asked + chunk.count))
        known.isDone = chunk.completes
        if chunk.completes, known.isWhole {
            #expect(reply.header("Custode-Object") != nil, "\(reply.summary); \(story)")
        }
        if Int.random(in: 0..<6, using: &random) == 0 { try await ask(&known, after: "204") }
    }

    private mutating func disturb(
        _ way: Way, _ known: inout KnownUpload, _ count: Int, _ connection: RawConnection, _ other: CustodeProcess
    ) async throws {
        let part = Int.random(in: 0...max(0, count - 1), using: &random)
        let pause = Duration.milliseconds(Int.random(in: 0...120, using: &random))
        let start = known.offset
        switch way {
        case .whole, .asleep: return
        case .wrong, .broken:
            // Not what its checksum says: none of it may stay.
            let chunk = poisoned(known, min(count, 300_000))
            let sent = way == .wrong ? chunk.body.count : part % max(1, chunk.body.count)
            _ = try? await connection.send(chunk.head + chunk.body[..<sent])
            guard way == .wrong else {
                try await Task.sleep(for: pause)
                connection.reset()
                break
            }
            let reply = await fleet.reply(connection)
            let expected = known.dialect == .tus ? 460 : 400
            let isExplained = reply.map { [expected, 409].contains($0.status) || FaultyFleet.isTrouble($0) } ?? true
            #expect(isExplained, "\(reply?.summary ?? ""), \(known.upload.target); \(story)")
        case .reset, .finish:
            known.ceiling = max(known.ceiling, start + part)
            let chunk = chunk(known, count)
            _ = try? await connection.send(chunk.head + chunk.body[..<part])
            try await Task.sleep(for: pause)
            if way == .reset { connection.reset() } else { connection.finishSending() }
        case .stall:
            known.ceiling = max(known.ceiling, start + part)
            let chunk = chunk(known, count)
            _ = try? await connection.send(chunk.head + chunk.body[..<part])
            try await Task.sleep(for: pause)
            try await ask(&known, after: way.rawValue)
            // What comes now is too late, but where that request has not even begun.
            known.ceiling = max(known.ceiling, start + count)
            _ = try? await connection.send(Array(chunk.body[part...]), within: .seconds(2))
        case .unread:
            known.ceiling = max(known.ceiling, start + count)
            let chunk = chunk(known, count)
            _ = try? await connection.send(chunk.head + chunk.body)
            try await Task.sleep(for: pause)
            connection.reset()
        case .twice:
            known.ceiling = max(known.ceiling, start + count)
            let chunk = chunk(known, count)
            let second = try? await RawConnection.open(port: other.port)
            async let first = connection.send(chunk.head + chunk.body)
            async let again = second?.send(chunk.head + chunk.body)
            _ = try? await (first, again)
            if let second { _ = await fleet.reply(second) }
            second?.close()
        }
    }

    /// Has a service fall asleep in mid-body, goes on by way of the other one, and wakes it up for the rest of the body.
    private mutating func putToSleep(
        _ known: inout KnownUpload, _ count: Int, _ connection: RawConnection, _ sleeper: CustodeProcess,
        _ other: CustodeProcess
    ) async throws {
        let (start, part) = (known.offset, Int.random(in: 0...max(0, count - 1), using: &random))
        let chunk = chunk(known, count)
        known.ceiling = max(known.ceiling, start + count)
        _ = try? await connection.send(chunk.head + chunk.body[..<part])
        try await Task.sleep(for: .milliseconds(Int.random(in: 0...200, using: &random)))
        guard await fleet.tally.mayPutToSleep() else { return connection.reset() }
        sleeper.signal(SIGSTOP)
        let all = fleet
        fleet.services = [other]
        do {
            defer {
                fleet = all
                sleeper.signal(SIGCONT)
            }
            try await ask(&known, after: "sleep")
            if !known.isDone, let another = try? await RawConnection.open(port: other.port) {
                defer { another.close() }
                let chunk = self.chunk(known, chunkSize(known))
                try await sendWhole(chunk, &known, another)
            }
        }
        await fleet.tally.isAwake()
        _ = try? await connection.send(Array(chunk.body[part...]), within: .seconds(2))
        // What it makes of it is to be seen by whoever asks next.
        try await Task.sleep(for: .milliseconds(Int.random(in: 0...100, using: &random)))
    }

    private func chunk(_ known: KnownUpload, _ count: Int, chunked: Bool = false) -> Chunk {
        let bytes = Array(known.bytes[known.offset..<known.offset + count])
        let completes = known.offset + count == known.bytes.count
        let body: RequestBody = chunked ? .chunked([bytes]) : .bytes(bytes)
        return Chunk(
            head: head(known, known.extra, completes: completes, body), body: body.wire, count: count,
            completes: completes)
    }

    /// Bytes that are not the file's, under a checksum that is not theirs.
    private func poisoned(_ known: KnownUpload, _ count: Int) -> Chunk {
        let body = RequestBody.bytes([UInt8](repeating: UInt8(ascii: "#"), count: count))
        let nothing = SHA256.digest([])
        let checksum: HeaderList =
            switch known.dialect {
            case .tus: ["Upload-Checksum": "sha256 " + Data(nothing).base64EncodedString()]
            case .draft: ["Content-Digest": SHA256.contentDigest([])]
            }
        return Chunk(
            head: head(known, checksum + known.extra, completes: false, body), body: body.wire, count: count,
            completes: false)
    }

    private func head(
        _ known: KnownUpload, _ more: HeaderList, completes: Bool, _ body: RequestBody
    ) -> [UInt8] {
        let offset: HeaderList = ["Upload-Offset": String(known.offset)]
        let own: HeaderList =
            switch known.dialect {
            case .tus: tus + ["Content-Type": "application/offset+octet-stream"]
            case .draft: ["Content-Type": "application/partial-upload", "Upload-Complete": completes ? "?1" : "?0"]
            }
        return known.upload.client.head(
            "PATCH", known.upload.target, headers: known.upload.credentials + own + offset + more, body: body)
    }
}
