import CustodeTesting
import Foundation
import Testing

@Suite("Objects of an S3 bucket: up, down, into quarantine and back, byte for byte", .timeLimit(.minutes(3)))
struct S3ObjectTests {
    @Test("what fits one request and what goes in parts comes back whole and by ranges")
    func roundTrip() async throws {
        let (world, proxy) = try await World.behindProxy()
        for (size, parts) in [(65_536 - 44, 0), (20 << 20, 3)] {
            let sound = Sound.wav(bytes: size)
            proxy.forgetRequests()
            let (job, key) = try await world.jobWith("input", sound)
            #expect(proxy.requestLines.count { $0.contains("partNumber=") } == parts, "\(proxy.requestLines)")
            #expect(try await world.objects.get(key) == sound)
            let whole = try await world.get("input", of: job)
            #expect(whole.status == 200 && whole.body == sound, "\(whole.status)")
            // The first byte, one that crosses from a part into the next, the end, and the last bytes.
            let edge = min(sound.count / 2, (8 << 20) - 5)
            for (range, bytes) in [
                ("0-0", sound.prefix(1)), ("\(edge)-\(edge + 9)", sound[edge...(edge + 9)]),
                ("\(sound.count - 3)-", sound.suffix(3)), ("-7", sound.suffix(7)),
            ] {
                let part = try await world.get("input", of: job, headers: ["Range": "bytes=\(range)"])
                #expect(part.status == 206 && part.body == Array(bytes), "\(range): \(part.status)")
            }
            let beyond = try await world.get("input", of: job, headers: ["Range": "bytes=\(sound.count)-"])
            #expect(beyond.status == 416)
        }
        #expect(try await world.objects.uploads().isEmpty)
        try await world.close()
    }

    @Test(
        "the worker quarantines what a deleted job leaves, and restore brings back a run or a key",
        arguments: [true, false])
    func outbox(byRun: Bool) async throws {
        let world = try await World.startOnS3(
            settings: World.swift.merging(["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms"]) { $1 })
        let sound = Sound.wav(bytes: 20 << 20)
        let (job, large) = try await world.jobWith("input", sound)
        let small = try #require(try await world.store("transcript", of: job, Sample.text(3))["key"].string)
        let (other, kept) = try await world.jobWith("input")
        try await world.deleteJob(job)
        let isCollected = try await eventually(within: .seconds(30)) {
            let places = try await world.placed()
            let trash = try await world.quarantine()
            return places == [kept] && Set(trash.keys) == [large, small]
        }
        let remaining = try await world.objects.keys()
        #expect(isCollected, "\(remaining)")
        #expect(try await world.get("input", of: other).status == 200)
        let places = try await world.quarantine()
        let contents = [(large, sound), (small, Sample.text(3))]
        for (key, bytes) in contents {
            let path = try #require(places[key]?.first)
            #expect(places[key]?.count == 1)
            #expect(try await world.objects.get(path) == bytes)
        }
        for (key, bytes) in contents {
            let path = try #require(places[key]?.first)
            let parts = path.split(separator: "/", maxSplits: 3).map(String.init)
            #expect(parts[1].count == 10 && !parts[2].isEmpty && parts[3] == key, "\(path)")
            // The worker may have taken them in two runs.
            let arguments = byRun ? ["--run", parts[2]] : ["--key", key]
            let outcome = try await world.collect(["restore"] + arguments)
            let isSecond = byRun && key == small && places[large]?.first?.contains("/\(parts[2])/") == true
            #expect(outcome.status == (isSecond ? 1 : 0), "\(outcome)")
            #expect(try await world.place(of: key) == .place)
            #expect(try await world.objects.get(key) == bytes)
        }
        #expect(try await world.quarantine().isEmpty)
        try await world.close()
    }

    @Test("nothing is overwritten by a restoration: exit 1, and both stay")
    func obstacle() async throws {
        let world = try await World.startOnS3(settings: World.collecting)
        let (job, key) = try await world.jobWith("transcript", Sample.text(1))
        try await world.deleteJob(job)
        #expect(try await world.drain(after: "15m")["quarantined"] == 1)
        try await world.objects.put(key, Sample.text(2))
        let outcome = try await world.collect(["restore", "--key", key])
        #expect(outcome.status == 1 && outcome["restored"] == 0, "\(outcome)")
        #expect(try await world.objects.get(key) == Sample.text(2))
        let place = try #require(try await world.quarantine()[key]?.first)
        #expect(try await world.objects.get(place) == Sample.text(1))
        try await world.objects.delete(key)
        #expect(try await world.collect(["restore", "--key", key]).status == 0)
        #expect(try await world.objects.get(key) == Sample.text(1))
        try await world.close()
    }

    @Test("scrub tells what was damaged, and what is gone, by name: exit 1, and it changes nothing")
    func scrub() async throws {
        let (world, proxy) = try await World.behindProxy()
        let sound = Sound.wav(bytes: 20 << 20)
        let large = try await world.jobWith("input", sound).key
        let damaged = try await world.jobWith("transcript", Sample.text(1)).key
        let missing = try await world.jobWith("transcript", Sample.text(2)).key
        let whole = try await world.collect(["scrub"])
        #expect(whole.status == 0 && whole["checked"] == 3 && whole["bytes"] > sound.count, "\(whole)")
        var bytes = Sample.text(1)
        bytes[3] ^= 1
        try await world.objects.put(damaged, bytes)
        try await world.objects.delete(missing)
        let before = try await world.standing()
        proxy.forgetRequests()
        let outcome = try await world.collect(["scrub"])
        #expect(outcome.status == 1 && outcome["damaged"] == 1 && outcome["missing"] == 1, "\(outcome)")
        #expect(outcome.errors.contains(damaged) && outcome.errors.contains(missing), "\(outcome)")
        #expect(!outcome.errors.contains(large), "\(outcome)")
        #expect(proxy.changes == [])
        #expect(try await world.standing() == before)
        // In parts, so that another object of the same size has no tag that tells.
        var other = sound
        other[other.count - 1] ^= 0xFF
        try await world.objects.put(large, other)
        #expect(try await world.collect(["scrub"])["damaged"] == 2)
        try await world.close()
    }
}
