import CustodeTesting
import Foundation
import Glibc
import Testing

@Suite("Scrub: every object is read and compared, what is wrong is told, and nothing is changed", .serialized)
struct ScrubTests {
    /// A world with this many transcripts, and their keys in order.
    private func world(_ count: Int) async throws -> (world: World, keys: [String]) {
        let world = try await World.start()
        var keys: [String] = []
        for (number, job) in try await world.newJobs(count).enumerated() {
            let stored = try await world.store("transcript", of: job, Sample.text(number))
            keys.append(try #require(stored["key"].string))
        }
        return (world, keys)
    }

    private func scrub(_ world: World, _ arguments: String...) async throws -> CollectionOutcome {
        try await world.collect(["scrub"] + arguments)
    }

    /// Writes a file anew under its key with the same times, as bad sectors do.
    private func rot(_ world: World, _ key: String, _ change: (inout [UInt8]) -> Void) throws {
        let path = world.bucket + "/" + key
        var info = stat()
        guard lstat(path, &info) == 0, var bytes = world.stored(key) else { throw HarnessError("no \(key)") }
        change(&bytes)
        let descriptor = open(path, O_WRONLY | O_TRUNC)
        #expect(write(descriptor, bytes, bytes.count) == bytes.count)
        #expect(futimens(descriptor, [info.st_atim, info.st_mtim]) == 0)
        Glibc.close(descriptor)
    }

    @Test("a whole bucket: exit 0, every object and byte counted, no word on stderr but the log's")
    func whole() async throws {
        let (world, keys) = try await world(7)
        let bytes = keys.compactMap { world.stored($0)?.count }.reduce(0, +)
        // What is not published, or in quarantine, is not scrubbed.
        try world.plant("notes.txt")
        _ = try await world.collected()
        let outcome = try await scrub(world)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.json == ["checked": 7, "damaged": 0, "missing": 0, "bytes": .number(Double(bytes))])
        try await world.close()
    }

    /// What may happen to the file of an object.
    enum Damage: String, CaseIterable, Sendable {
        case firstBit, lastByte, truncated, emptied, longer, absent, folder, pipe, link, linkToItself
    }

    private static let spare = Once {
        let world = try await World.start()
        for job in try await world.newJobs(3) { _ = try await world.store("transcript", of: job, Sample.text()) }
        return world
    }

    @Test("damage and absence: exit 1, counted and named, never repaired and never removed", arguments: Damage.allCases)
    func damaged(damage: Damage) async throws {
        let world = try await Self.spare.value()
        let keys = try await world.database.sql("select key from custode.objects order by key").compactMap { $0[0] }
        let key = keys[1]
        let path = world.bucket + "/" + key
        let aside = world.bucket + "/aside"
        try FileManager.default.moveItem(atPath: path, toPath: aside)
        let isFile = [.firstBit, .lastByte, .truncated, .emptied, .longer].contains(damage)
        if isFile { try FileManager.default.copyItem(atPath: aside, toPath: path) }
        switch damage {
        case .firstBit: try rot(world, key) { $0[0] ^= 1 }
        case .lastByte: try rot(world, key) { $0[$0.count - 1] ^= 0xFF }
        case .truncated: try rot(world, key) { $0.removeLast() }
        case .emptied: try rot(world, key) { $0 = [] }
        case .longer: try rot(world, key) { $0.append(0) }
        case .absent: break
        case .folder: #expect(mkdir(path, 0o755) == 0)
        case .pipe: #expect(mkfifo(path, 0o644) == 0)
        case .link: #expect(symlink(aside, path) == 0)
        case .linkToItself: #expect(symlink(path, path) == 0)
        }
        let tables = ["jobs", "artifacts", "custode.objects", "custode.outbox", "custode.gc_items", "custode.gc_audit"]
        let (files, rows) = (Inventory(world.bucket), try await world.dump(tables))
        for _ in 0..<2 {
            let outcome = try await scrub(world)
            #expect(outcome.status == 1, "\(outcome)")
            #expect(outcome["damaged"] + outcome["missing"] == 1, "\(outcome)")
            if damage == .absent { #expect(outcome["missing"] == 1, "\(outcome)") }
            if isFile { #expect(outcome["damaged"] == 1 && outcome["checked"] == 3, "\(outcome)") }
            #expect(outcome["checked"] >= 2, "\(outcome)")
            #expect(outcome.errors.contains(key), "\(outcome)")
            #expect(!outcome.errors.contains(keys[0]) && !outcome.errors.contains(keys[2]), "\(outcome)")
        }
        #expect(Inventory(world.bucket) == files)
        #expect(try await world.dump(tables) == rows)
        if damage != .absent { #expect(remove(path) == 0) }
        try FileManager.default.moveItem(atPath: aside, toPath: path)
        #expect(try await scrub(world).status == 0)
    }

    @Test("a file that cannot be read is told, and the others are read all the same")
    func unreadable() async throws {
        guard try await Tracer.isUsable.value() else { return }
        let (world, keys) = try await world(4)
        let environment = Command.environment.merging(world.service.settings) { $1 }
        let outcome = try await Command.run(
            try #require(Checkout.tool("strace")),
            [
                "-f", "-qq", "-o", "/dev/null", "-P", world.bucket + "/" + keys[2], "-e",
                "trace=read,pread64,preadv,preadv2",
                "-e", "inject=read,pread64,preadv,preadv2:error=EIO", Checkout.binary, "scrub", "--json",
            ], environment: environment)
        #expect(outcome.status == 1, "\(outcome)")
        let json = try JSON(Array(outcome.output.utf8))
        #expect(json["damaged"] == 1 && json["checked"] == 4 && json["missing"] == 0, "\(outcome)")
        #expect(outcome.errors.contains(keys[2]), "\(outcome.errors)")
        try await world.close()
    }

    @Test("an object that lost its reference and its bytes is nothing to report")
    func collected() async throws {
        let (world, keys) = try await world(2)
        let count = TestDatabase.quote(keys[0])
        try await world.unseen("delete from artifacts where storage_ref = \(count)")
        try FileManager.default.removeItem(atPath: world.bucket + "/" + keys[0])
        let outcome = try await scrub(world)
        #expect(outcome.status == 0 && outcome["checked"] == 1 && outcome["missing"] == 0, "\(outcome)")
        try await world.close()
    }

    @Test("slices 1/n to n/n hold each object once, and today/n is one of them")
    func slices() async throws {
        let (world, keys) = try await world(24)
        // Every object is damaged, so that each slice names what it read.
        for key in keys { try rot(world, key) { $0[0] ^= 1 } }
        for count in [1, 3, 7] {
            var found: [String] = []
            for number in 1...count {
                let outcome = try await scrub(world, "--slice", "\(number)/\(count)")
                let named = keys.filter(outcome.errors.contains)
                #expect(outcome["damaged"] == named.count && outcome["checked"] == named.count, "\(outcome)")
                found += named
                // The same slice holds the same objects each time, or a month's timer would miss some.
                if number == 2 {
                    #expect(try await scrub(world, "--slice", "2/\(count)")["checked"] == named.count)
                }
            }
            #expect(found.sorted() == keys.sorted(), "\(count)")
        }
        let today = try await scrub(world, "--slice", "today/3")
        var sizes: [Int] = []
        for number in 1...3 { sizes.append(try await scrub(world, "--slice", "\(number)/3")["checked"]) }
        #expect(sizes.contains(today["checked"]), "\(today)")
        #expect(sizes.allSatisfy { $0 > 0 && $0 < 24 }, "\(sizes)")
        for slice in ["0/3", "4/3", "3", "1/0", "-1/3", "a/b", "1/3/5", ""] {
            #expect(try await scrub(world, "--slice", slice).status == 2, "\(slice)")
        }
        try await world.close()
    }

    @Test("--rate holds, also for one large object", .tags(.slow))
    func rate() async throws {
        let world = try await World.start()
        _ = try await world.jobWithInput(Sample.wav(samples: 1 << 20))
        _ = try await world.jobWithInput(Sample.wav(samples: 1 << 20, seed: 2))
        let clock = ContinuousClock()
        var spent: [Duration] = []
        for rate in ["1MiB/s", "1GiB/s"] {
            let begun = clock.now
            let outcome = try await scrub(world, "--rate", rate)
            spent.append(clock.now - begun)
            #expect(outcome.status == 0 && outcome["checked"] == 2 && outcome["bytes"] > 4 << 20, "\(outcome)")
        }
        // 4 MiB at 1 MiB/s; what comes last need not be waited for.
        #expect(spent[0] > .seconds(3.5) && spent[0] < .seconds(30) && spent[1] < spent[0], "\(spent)")
        for rate in ["0", "fast", "-1MB/s", "/s", ""] {
            #expect(try await scrub(world, "--rate", rate).status == 2, "\(rate)")
        }
        try await world.close()
    }
}
