import CustodeTesting
import Foundation
import Testing

@Suite("Files that must not go, and those that must not be forgotten")
struct RemovalHazardTests {
    @Test("a file stays while the copy made of it for another job is lost")
    func sharedCopyLost() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        _ = try await world.legacyJob("a.wav")
        let bob = try await world.legacyJob("a.wav", for: world.bob)
        let apply = try await world.migrate("apply", from: legacy.source)
        #expect(apply[count: "copied"] == 2)
        let key = try #require(try await world.reference("input", of: bob))
        try FileManager.default.removeItem(atPath: world.bucket + "/" + key)
        let removal = try await world.collect(["migrate", "--remove-sources", apply.outcome.runID])
        #expect(
            removal.status == 1 && removal["failed"] == 1 && removal.errors.contains("the file stays"), "\(removal)")
        #expect(legacy.bytes("a.wav") == Sample.wav(), "the file stays: it is the last with Bob's bytes")
    }

    @Test("the same where another run made that copy")
    func twoRuns() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        let (jobs, runs) = try await world.sharingByTwoRuns(legacy)
        let key = try #require(try await world.reference("input", of: jobs[1]))
        try FileManager.default.removeItem(atPath: world.bucket + "/" + key)
        let removal = try await world.collect(["migrate", "--remove-sources", runs[0]])
        #expect(removal.status == 1 && removal["failed"] == 1, "\(removal)")
        #expect(legacy.bytes("a.wav") != nil, "Bob's copy is lost, and this is the last of his bytes")
    }

    @Test("a row that means it by what is behind the prefix keeps an object")
    func behindPrefix() async throws {
        let world = try await World.start()
        try await world.add("old/a.wav", Sample.wav())
        let job = try await world.legacyJob("old/a.wav")
        // It could not be migrated: a transcript is no sound.
        try await world.legacyArtifact("transcript", "a.wav", of: job)
        let apply = try await world.migrate("apply", from: "prefix:old/", "--remove-sources")
        #expect(apply[count: "copied"] == 1 && apply[count: "failed"] == 1, "\(apply.outcome)")
        #expect(try await world.bytes(of: "old/a.wav") != nil, "the transcript's row still refers to it")
    }

    @Test("a row that means it by the path through a link keeps a file")
    func byLink() async throws {
        let (world, legacy, links) = (try await World.start(), try LegacyFolder(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        let link = links.path + "/data"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: legacy.path)
        let job = try await world.legacyJob("a.wav")
        try await world.legacyArtifact("transcript", link + "/a.wav", of: job)
        let apply = try await world.migrate("apply", from: "dir:" + link, "--remove-sources")
        #expect(apply[count: "copied"] == 1 && apply[count: "failed"] == 1, "\(apply.outcome)")
        #expect(legacy.bytes("a.wav") != nil, "the transcript's row still refers to it")
    }

    @Test("a row whose reference was put back keeps the file, whichever run is to remove it")
    func undoneSpelling() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        let first = try await world.legacyJob("a.wav")
        let second = try await world.newJob(for: world.bob)
        let apply = try await world.migrate("apply", from: legacy.source)
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 0 && undo["matched"] == 1)
        let folder = try LegacyFolder()
        try folder.add("m.csv", Array("\(legacy.path)/a.wav,\(second.id),input\n".utf8))
        let over = try await world.migrate("apply", from: "manifest:\(folder.path)/m.csv")
        #expect(over[count: "copied"] == 1)
        let removal = try await world.collect(["migrate", "--remove-sources", over.outcome.runID])
        #expect(removal.status == 0 && removal["skipped"] == 1, "\(removal)")
        #expect(try await world.reference("input", of: first) == "a.wav")
        #expect(legacy.bytes("a.wav") != nil, "Alice's job refers to it")
    }

    @Test("another's published object is not migrated by its path, and does not go")
    func publishedByPath() async throws {
        let world = try await World.start()
        let theirs = try await world.newJob(for: world.bob)
        _ = try await world.store("input", of: theirs, sound(10_000, seed: 2))
        let key = try #require(try await world.reference("input", of: theirs))
        let job = try await world.legacyJob(world.bucket + "/" + key)
        #expect(try await world.get("input", of: job).status == 503)
        let apply = try await world.migrate("apply", from: "dir:\(world.bucket)/users", "--remove-sources")
        #expect(apply.outcome.status == 1 && apply[count: "copied"] == 0, "\(apply.outcome)")
        let alice = try await world.get("input", of: job)
        #expect(alice.body != sound(10_000, seed: 2), "Alice gets Bob's object")
        let bob = try await world.get("input", of: theirs)
        #expect(bob.status == 200, "Bob's live object is gone: \(bob.summary)")
    }

    @Test("a row that means an object by its key is served after a folder of the bucket was migrated")
    func keyOfFolder() async throws {
        let world = try await World.start()
        try await world.add("old/a.wav", Sample.wav())
        let first = try await world.legacyJob("a.wav")
        let second = try await world.legacyJob("old/a.wav", for: world.bob)
        #expect(try await world.get("input", of: second).status == 200)
        let apply = try await world.migrate("apply", from: "dir:\(world.bucket)/old", "--remove-sources")
        #expect(apply[count: "copied"] == 2, "\(apply.outcome)")
        #expect(try await world.get("input", of: first).status == 200)
        let bob = try await world.get("input", of: second)
        #expect(bob.status == 200, "\(bob.summary)")
    }

    @Test("kill −9 after the move of a file: what is in .trash is known, and comes back")
    func killedFolder() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        let job = try await world.legacyJob("a.wav")
        let apply = try await world.migrate("apply", from: legacy.source)
        let run = try world.launch(
            ["migrate", "--remove-sources", apply.outcome.runID],
            tracing: ["-y", "-e", "trace=syncfs", "-e", "inject=syncfs:signal=KILL:when=1"])
        let killed = try await run.end()
        #expect(killed.status == 128 + 9 && legacy.bytes("a.wav") == nil, "\(killed)")
        let again = try await world.collect(["migrate", "--remove-sources", apply.outcome.runID])
        #expect(again.status == 0, "\(again)")
        let status = try await world.service.run("migrate", "status")
        #expect(status.output.contains("the files of 0 are in their places"), "\(status.output)")
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 0, "the file is in .trash, and nothing knows it")
        #expect(try await world.reference("input", of: job) == "a.wav")
    }

    @Test("kill −9 after the move of an object: what is in quarantine is known")
    func killedBucket() async throws {
        let world = try await World.start(settings: World.thorough)
        try await world.service.terminate()
        try await world.add("old/a.wav", Sample.wav())
        _ = try await world.legacyJob("old/a.wav")
        let apply = try await world.migrate("apply", from: "prefix:old/")
        let run = try world.launch(
            ["migrate", "--remove-sources", apply.outcome.runID],
            tracing: ["-e", "trace=syncfs", "-e", "inject=syncfs:signal=KILL:when=1"])
        _ = try await run.end()
        #expect(world.whereabouts("old/a.wav") == .trash)
        let isOver = try await eventually(within: .seconds(30)) {
            try await world.sweep("--outbox-only")
            return try await world.database.value("select count(*) from custode.gc_items where state = 'quarantined'")
                == "1"
        }
        #expect(isOver)
        _ = try await world.collect(["migrate", "--remove-sources", apply.outcome.runID])
        let status = try await world.service.run("migrate", "status")
        #expect(status.output.contains("the files of 0 are in their places"), "\(status.output)")
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.errors.contains("quarantine"))
    }

    @Test("I5: files of a directory that go are in the audit")
    func audit() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        _ = try await world.legacyJob("a.wav")
        _ = try await world.migrate("apply", from: legacy.source, "--remove-sources")
        #expect(legacy.bytes("a.wav") == nil)
        #expect(try await world.audit().count == 1)
    }

    @Test("what was restored can be set aside again")
    func restored() async throws {
        let world = try await World.start()
        try await world.add("old/a.wav", Sample.wav())
        _ = try await world.legacyJob("old/a.wav")
        let apply = try await world.migrate("apply", from: "prefix:old/")
        let removal = try await world.collect(["migrate", "--remove-sources", apply.outcome.runID])
        let restored = try await world.collect(["restore", "--run", removal.runID])
        #expect(restored["restored"] == 1)
        let again = try await world.collect(["migrate", "--remove-sources", apply.outcome.runID])
        #expect(again.status == 0 && again["found"] == 1, "\(again)")
        #expect(try await world.bytes(of: "old/a.wav") == nil)
    }

    @Test("a file of two runs, one of which was put back, can be set aside again")
    func sharedUndo() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        let (_, runs) = try await world.sharingByTwoRuns(legacy)
        _ = try await world.collect(["migrate", "--remove-sources", runs[0]])
        #expect(legacy.bytes("a.wav") == nil)
        let undo = try await world.collect(["migrate", "--undo", runs[0]])
        #expect(undo["matched"] == 1 && legacy.bytes("a.wav") != nil)
        _ = try await world.collect(["migrate", "--remove-sources", runs[1]])
        let second = try await world.collect(["migrate", "--undo", runs[1]])
        #expect(second["matched"] == 1 && legacy.bytes("a.wav") != nil)
    }
}
