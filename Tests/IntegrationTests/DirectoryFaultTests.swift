import CustodeTesting
import Foundation
import Testing

@Suite("A directory bucket under faults of the system", .serialized)
struct DirectoryFaultTests {
    private static let writes = "write,writev,pwrite64,pwritev,pwritev2"
    private static let publications = "linkat,link,renameat,renameat2,rename"

    /// A world whose traced calls are those of its own service, ready and warm.
    private func world() async throws -> World {
        let world = try await World.start()
        _ = try await world.jobWithInput()
        return world
    }

    private func pid(_ world: World) throws -> Int32 {
        try #require(world.service.pid)
    }

    /// The threads that write the bucket's files: faults in `write` are for them alone, since the whole
    /// process writes to sockets, wake-up descriptors and the log.
    private func writers(_ world: World) async throws -> [Int32] {
        let tracer = try await Tracer.attach(
            to: try pid(world), options: ["-y", "-e", "trace=" + Self.writes])
        let jobs = try await world.newJobs(32)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for job in jobs {
                group.addTask { _ = try await world.store("input", of: job, Sample.wav(samples: 50_000)) }
            }
            try await group.waitForAll()
        }
        let lines = try await tracer.detach()
        let seen = lines.filter { $0.contains("<\(world.bucket)/") }.compactMap { line in
            line.split(separator: " ").first.flatMap { Int32($0) }
        }
        // The pool's other threads may take the next one: they are called the same but for a number.
        let tasks = "/proc/\(try pid(world))/task/"
        let name = { (thread: Int32) in
            (try? String(contentsOfFile: tasks + "\(thread)/comm", encoding: .utf8))?.filter { !$0.isNumber }
        }
        let names = Set(seen.compactMap(name))
        let all = try FileManager.default.contentsOfDirectory(atPath: tasks).compactMap { Int32($0) }
        return all.filter { thread in name(thread).map(names.contains) ?? false }
    }

    private func expectRefused(
        _ world: World, _ statuses: Set<Int>, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let job = try await world.newJob()
        let reply = try await world.put("input", of: job, Sample.wav(samples: 200_000), type: "audio/wav")
        #expect(statuses.contains(reply.status), "\(reply.summary)", sourceLocation: sourceLocation)
        #expect(try await world.reference("input", of: job) == nil, sourceLocation: sourceLocation)
        #expect(try await world.get("input", of: job).status == 404, sourceLocation: sourceLocation)
    }

    private func expectWell(_ world: World, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let job = try await world.newJob()
        let reply = try await world.put("input", of: job, Sample.wav(samples: 70_000), type: "audio/wav")
        #expect(reply.status == 201, "\(reply.summary)", sourceLocation: sourceLocation)
        let back = try await world.get("input", of: job)
        #expect(back.body == Sample.wav(samples: 70_000), sourceLocation: sourceLocation)
    }

    @Test(
        "an fsync that fails fails the upload, of the file and of the directory alike, and is not tried again",
        arguments: [1, 2])
    func syncFails(nth: Int) async throws {
        let world = try await world()
        let tracer = try await Tracer.attach(
            to: try pid(world),
            options: [
                "-y", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=\(nth)",
            ])
        try await expectRefused(world, [500, 503])
        let lines = try await tracer.detach()
        let failed = try #require(lines.first { $0.contains("EIO") })
        let descriptor = failed.firstMatch(of: /sync\((\d+<[^>]*>)/)?.1
        let later = lines.drop { $0 != failed }.dropFirst()
        #expect(!later.contains { line in descriptor.map { line.contains($0) } ?? false }, "\(lines)")
        try await expectWell(world)
        try await world.close()
    }

    @Test(
        "an entry that cannot be made fails the upload and leaves no bytes",
        arguments: [("EIO", [500, 503]), ("EDQUOT", [507]), ("ENOSPC", [507])] as [(String, Set<Int>)])
    func publicationFails(error: String, statuses: Set<Int>) async throws {
        let world = try await world()
        let tracer = try await Tracer.attach(
            to: try pid(world),
            options: [
                "-e", "trace=" + Self.publications, "-e", "inject=\(Self.publications):error=\(error):when=1",
            ])
        // An intent may stay: whether the entry is there is for the collector to find out.
        let before = TestFolder.files(below: world.bucket)
        try await expectRefused(world, statuses)
        #expect(TestFolder.files(below: world.bucket) == before)
        try await tracer.detach()
        try await expectWell(world)
        try await world.close()
    }

    @Test(
        "a write that fails fails the upload and leaves nothing; the disk full is 507",
        arguments: [("ENOSPC", [507]), ("EIO", [500, 503]), ("EDQUOT", [507])] as [(String, Set<Int>)])
    func writeFails(error: String, statuses: Set<Int>) async throws {
        let world = try await world()
        let threads = try await writers(world)
        try #require(!threads.isEmpty)
        let tracer = try await Tracer.attach(
            to: try pid(world), threads: threads,
            options: ["-e", "trace=" + Self.writes, "-e", "inject=\(Self.writes):error=\(error):when=1+"])
        try await world.expectNothingLeft { try await expectRefused(world, statuses) }
        try await tracer.detach()
        try await expectWell(world)
        try await world.close()
    }

    @Test(
        "a write that takes fewer bytes than given loses none: the object is whole, or refused")
    func shortWrite() async throws {
        let world = try await world()
        let threads = try await writers(world)
        // The call does not happen and claims three bytes: only a reader that trusts the count and not the file can
        // be wrong about it, and the file then is short.
        let tracer = try await Tracer.attach(
            to: try pid(world), threads: threads,
            options: ["-e", "trace=" + Self.writes, "-e", "inject=\(Self.writes):retval=3:when=2"])
        let job = try await world.newJob()
        let reply = try await world.put("input", of: job, Sample.wav(samples: 200_000), type: "audio/wav")
        let lines = try await tracer.detach()
        #expect(lines.contains { $0.contains("INJECTED") }, "\(lines.count)")
        #expect(
            reply.status >= 500, "the size on disk is verified before anything is published: \(reply.summary)"
        )
        #expect(try await world.reference("input", of: job) == nil)
        try await expectWell(world)
        try await world.close()
    }

    @Test(
        "killed at any system call of an upload: absent or whole, never a reference without bytes",
        .tags(.slow))
    func killedAtEachCall() async throws {
        let world = try await world()
        let calls = [
            ("fsync,fdatasync", 3), (Self.publications, 1), ("mkdir,mkdirat", 3), ("openat,openat2", 6),
        ]
        for (call, most) in calls {
            var kills = 0
            for nth in 1...most {
                let job = try await world.newJob()
                let before = try await world.database.value("select count(*) from custode.objects")
                let tracer = try await Tracer.attach(
                    to: try pid(world),
                    options: ["-e", "trace=" + call, "-e", "inject=\(call):signal=KILL:when=\(nth)"])
                let sound = Sample.wav(samples: 100_000, seed: UInt32(nth))
                let reply = try? await world.put("input", of: job, sound, type: "audio/wav")
                try await tracer.detach(isKilled: reply == nil)
                // A client without a reply knows of the death before the parent does.
                let isDead = try await eventually(within: reply == nil ? .seconds(20) : .zero) {
                    world.service.pid == nil
                }
                if isDead {
                    kills += 1
                    try await world.service.start()
                }
                let back = try await world.get("input", of: job)
                if reply?.status == 201 { #expect(back.status == 200, "\(call) \(nth)") }
                if back.status == 200 {
                    #expect(back.body == sound, "\(call) \(nth)")
                } else {
                    #expect(back.status == 404, "\(call) \(nth): \(back.summary)")
                    #expect(try await world.reference("input", of: job) == nil, "\(call) \(nth)")
                    #expect(try await world.database.value("select count(*) from custode.objects") == before)
                    // The dead upload may hold the plain name; the next one must not mind.
                    let again = try await world.put("input", of: job, sound, type: "audio/wav")
                    #expect(again.status == 201, "\(call) \(nth): \(again.summary)")
                    #expect(try await world.get("input", of: job).body == sound, "\(call) \(nth)")
                }
            }
            #expect(kills > 0, "\(call) was never called")
        }
        try await world.close()
    }

    @Test(
        "killed while the bytes are being written: nothing refers to them", .tags(.slow))
    func killedWriting() async throws {
        let world = try await world()
        for nth in 1...3 {
            let jobs = try await world.newJobs(40)
            let tracer = try await Tracer.attach(
                to: try pid(world), threads: try await writers(world),
                options: [
                    "-e", "trace=" + Self.writes, "-e", "inject=\(Self.writes):signal=KILL:when=\(nth)",
                ])
            // Which thread writes is the pool's choice, and each counts for itself.
            for job in jobs where world.service.pid != nil {
                let sound = Sample.wav(samples: 200_000)
                guard let reply = try? await world.put("input", of: job, sound, type: "audio/wav") else {
                    break
                }
                #expect(reply.status == 201, "\(reply.summary)")
            }
            try await tracer.detach(isKilled: true)
            let isDead = try await eventually { world.service.pid == nil }
            #expect(isDead, "the \(nth)th write of a thread never came")
            if isDead { try await world.service.start() }
            for job in jobs {
                if let key = try await world.reference("input", of: job) { #expect(world.stored(key) != nil) }
            }
            try await expectWell(world)
        }
        try await world.close()
    }

    @Test(
        "the order on disk: written, synced, linked, directory synced, and only then 201")
    func order() async throws {
        let world = try await world()
        let job = try await world.newJob()
        let tracer = try await Tracer.attach(
            to: try pid(world),
            options: [
                "-y", "-s", "32", "-e",
                "trace=\(Self.writes),sendto,sendmsg,fsync,fdatasync,mkdirat,\(Self.publications)",
            ])
        #expect(
            try await world.put("input", of: job, Sample.wav(samples: 200_000), type: "audio/wav").status
                == 201)
        let lines = try await tracer.detach()
        let inBucket = "<\(world.bucket)"
        let places = { (matches: (Substring) -> Bool) in lines.indices.filter { matches(lines[$0]) } }
        let written = places { $0.contains("write") && $0.contains(inBucket) && !$0.contains("HTTP/1.1") }
        let synced = places { $0.contains("sync(") && $0.contains(inBucket) }
        let linked = places { $0.contains("original.wav") && $0.contains(" = 0") && !$0.contains("write") }
        let answered = places { $0.contains("HTTP/1.1 201") }
        let (lastWrite, link) = (try #require(written.last), try #require(linked.first))
        let answer = try #require(answered.first)
        #expect(lastWrite < link && link < answer)
        #expect(synced.contains { lastWrite < $0 && $0 < link && !lines[$0].contains("/jobs/") }, "the file")
        #expect(
            synced.contains { link < $0 && $0 < answer && lines[$0].contains("/jobs/\(job.id)/input>") },
            "its directory")
        // The job's folders are new: each needs its parent synced to outlast a crash.
        for parent in ["/jobs/\(job.id)>", "/jobs>"] {
            #expect(synced.contains { $0 < answer && lines[$0].contains(parent) }, "\(parent)")
        }
        try await world.close()
    }
}
