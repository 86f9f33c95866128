import CustodeTesting
import Foundation
import Testing

/// Two replicas before one database and one bucket.
@Suite("Two requests and two replicas at one upload")
struct TakeoverTests {
    /// A world with a second service.
    private static func pair(_ kind: BucketKind) async throws -> (world: World, second: CustodeProcess) {
        let world = try await kind.world()
        let second = try world.replica(kind == .directory ? ["CUSTODE_BUCKET": "file://" + world.bucket] : [:])
        try await second.start()
        return (world, second)
    }

    @Test(
        "HEAD after a stalled PATCH tells what came of it, from another replica, in under a second",
        arguments: BucketKind.allCases)
    func stalled(kind: BucketKind) async throws {
        let (world, second) = try await Self.pair(kind)
        let job = try await world.newJob()
        let bytes = sound(1_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        var offset = 0
        for service in [world.service, second, world.service, second] {
            let connection = try await upload.by(service).stall(
                Array(bytes[offset..<offset + 200_000]), of: bytes.count - offset, at: offset)
            try await Task.sleep(for: .milliseconds(300))
            let started = ContinuousClock.now
            let other = upload.by(service.port == second.port ? world.service : second)
            #expect(try await other.offset() == offset + 200_000)
            #expect(.now - started < .seconds(1), "\(ContinuousClock.now - started)")
            #expect(try await connection.isClosed(within: .seconds(5)))
            offset += 200_000
        }
        #expect(try await upload.patch(Array(bytes[offset...]), at: offset).status == 204)
        try await world.expect(of: job, is: bytes)
        try await second.terminate()
    }

    @Test("a PATCH takes over from a stalled one, which can record nothing any more", arguments: BucketKind.allCases)
    func takenOver(kind: BucketKind) async throws {
        let (world, second) = try await Self.pair(kind)
        let job = try await world.newJob()
        let bytes = sound(9_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        let stalled = try await upload.stall(Array(bytes[..<300_000]), of: bytes.count, at: 0)
        try await Task.sleep(for: .milliseconds(300))
        let started = ContinuousClock.now
        let reply = try await upload.by(second).patch([], at: 300_000)
        #expect(reply.status == 204, "\(reply.summary)")
        #expect(.now - started < .seconds(1))
        _ = try? await stalled.send(Array(bytes[300_000..<400_000]))
        #expect(try await upload.offset() == 300_000)
        #expect(try await upload.by(second).patch(Array(bytes[300_000...]), at: 300_000).status == 204)
        try await world.expect(of: job, is: bytes)
        try await second.terminate()
    }

    @Test(
        "a replica that falls asleep in mid-body and wakes up spoils nothing, and nothing waits for it",
        arguments: BucketKind.allCases)
    func asleep(kind: BucketKind) async throws {
        let (world, second) = try await Self.pair(kind)
        let job = try await world.newJob()
        let bytes = sound(30_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        #expect(try await upload.by(second).patch(Array(bytes[..<100_000]), at: 0).status == 204)
        // What it has taken in by now it will write when it wakes up, wrong bytes at places of others.
        let stalled = try await upload.by(second).stall(
            [UInt8](repeating: 0x55, count: 20_000_000), of: bytes.count - 100_000, at: 100_000)
        try await Task.sleep(for: .milliseconds(200))
        second.signal(SIGSTOP)
        let started = ContinuousClock.now
        let offset = try #require(try await upload.offset())
        #expect(.now - started < .seconds(2), "\(ContinuousClock.now - started)")
        #expect(offset == 100_000 || kind == .directory || offset > 100_000)
        // Go on from what counts with the right bytes; where wrong ones count already they are this client's own.
        let right = offset == 100_000
        let middle = offset + 10_000_000
        let patch = { (range: Range<Int>) in try await upload.patch(Array(bytes[range]), at: range.lowerBound) }
        #expect(try await patch(offset..<middle).status == 204)
        second.signal(SIGCONT)
        _ = try? await stalled.read(to: "PATCH", within: .seconds(5))
        #expect(try await upload.offset() == middle)
        #expect(try await patch(middle..<bytes.count).status == 204)
        let object = try await world.get("input", of: job).body
        #expect(object.count == bytes.count)
        let isSame = object[offset...] == bytes[offset...]
        #expect(isSame)
        if right {
            let isWhole = object == bytes
            #expect(isWhole)
        }
        try await second.terminate()
    }

    @Test("of many appenders at one offset one wins, and no byte is lost or doubled", arguments: BucketKind.allCases)
    func many(kind: BucketKind) async throws {
        let (world, second) = try await Self.pair(kind)
        let job = try await world.newJob()
        let bytes = sound(400_000)
        let upload = try await world.begin(bytes.count, of: job)
        for step in 0..<8 {
            let start = step * 50_000
            let piece = Array(bytes[start..<start + 50_000])
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<6 {
                    let one = upload.by(index % 2 == 0 ? world.service : second)
                    // One that is taken over has its connection closed.
                    group.addTask { (try? await one.patch(piece, at: start).status) ?? 0 }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(statuses).isSubset(of: [0, 204, 409, 423]), "\(statuses)")
            if !statuses.contains(204) {
                // Their replies were cut off: the offset tells what counts.
                let offset = try #require(try await upload.offset())
                #expect((start...start + 50_000).contains(offset))
                let rest = Array(bytes[offset..<start + 50_000])
                #expect(try await upload.patch(rest, at: offset).status == 204)
            }
            #expect(try await upload.offset() == start + 50_000)
        }
        try await world.expect(of: job, is: bytes)
        try await second.terminate()
    }

    @Test("of two uploads of one object the first published wins, and the other is 409 and gone")
    func twoUploads() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let first = try await world.begin(1_000, of: job)
        let second = try await world.begin(1_000, of: job)
        #expect(try await second.patch(sound(1_000, seed: 2), at: 0).status == 204)
        expectRefusal(try await first.patch(sound(1_000, seed: 1), at: 0), 409)
        expectRefusal(try await first.head(), 410)
        try await world.expect(of: job, is: sound(1_000, seed: 2))
    }
}
