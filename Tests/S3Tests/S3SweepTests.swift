import CustodeTesting
import Foundation
import Testing

@Suite("The sweep of an S3 bucket, whose objects are as old as they are", .timeLimit(.minutes(3)))
struct S3SweepTests {
    @Test("an orphan is young for the grace, goes when two runs far enough apart saw it, and is purged after the TTL")
    func twoRuns() async throws {
        let world = try await World.startOnS3(settings: World.collecting)
        let (_, kept) = try await world.jobWith("input")
        let orphan = try await world.abandoned(Sample.text(7))
        let first = try await world.sweep("--now", "+21h")
        #expect(first.verdict == "dry" && first.brake == "first_run" && first["young"] == 1, "\(first)")
        let young = try await world.sweep("--now", "+47h")
        #expect(young["young"] == 1 && young["orphan"] == 0 && young.verdict == "done", "\(young)")
        for (time, due) in [("+49h", 0), ("+68h", 0), ("+70h", 1)] {
            let outcome = try await world.sweep("--now", time)
            #expect(outcome["orphan"] == 1 && outcome["live"] == 1, "\(time): \(outcome)")
            #expect(outcome["due"] == due && outcome["quarantined"] == due, "\(time): \(outcome)")
            #expect(try await world.place(of: orphan) == (due == 1 ? .trash : .place), "\(time)")
        }
        let place = try #require(try await world.quarantine()[orphan]?.first)
        #expect(try await world.objects.get(place) == Sample.text(7))
        for (time, purged) in [("+16d", 0), ("+20d", 1)] {
            #expect(try await world.sweep("--now", time)["purged"] == purged, "\(time)")
            #expect(try await world.place(of: orphan) == (purged == 1 ? .nowhere : .trash), "\(time)")
        }
        #expect(try await world.audit().map(\.action) == ["quarantine", "purge"])
        #expect(try await world.placed() == [kept])
        try await world.close()
    }

    @Test("the first complete run on a bucket is dry, whatever it sees, and takes its sightings")
    func first() async throws {
        let world = try await World.startOnS3(settings: World.collecting)
        _ = try await world.jobWith("input")
        let orphan = try await world.abandoned()
        let first = try await world.sweep("--now", "+72h")
        #expect(first.verdict == "dry" && first.brake == "first_run", "\(first)")
        #expect(first["orphan"] == 1 && first["due"] == 0 && first["quarantined"] == 0, "\(first)")
        #expect(try await world.place(of: orphan) == .place)
        let second = try await world.sweep("--now", "+93h")
        #expect(second.verdict == "done" && second["quarantined"] == 1, "\(second)")
        #expect(try await world.place(of: orphan) == .trash)
        try await world.close()
    }

    @Test("an orphan that was written anew between two runs begins anew")
    func rewritten() async throws {
        let world = try await World.startOnS3(settings: World.collecting)
        _ = try await world.jobWith("input")
        let orphan = try await world.abandoned(Sample.text(1))
        try await world.sweep("--now", "+72h")
        try await world.objects.put(orphan, Sample.text(2))
        #expect(try await world.sweep("--now", "+93h")["due"] == 0)
        #expect(try await world.place(of: orphan) == .place)
        #expect(try await world.sweep("--now", "+114h")["quarantined"] == 1)
        try await world.close()
    }

    @Test("keys that are not of our naming are counted and never touched; a stray nobody wrote is only reported")
    func foreign() async throws {
        let world = try await World.startOnS3(settings: World.collecting)
        let (job, kept) = try await world.jobWith("input")
        let strays = [World.key(user: job.user, job: job.id, "output/transcript.txt")]
        let foreign = [
            "legacy/2019/call.wav", "users/\(world.alice)/jobs/x/output/Transcript.txt", "users/x.txt", "README",
            "users/A/jobs/j/output/transcript.txt", "a b+c%20&d.txt", "ümlaut/ñ.txt", ".trash-can/x", "zz//double",
        ]
        try await world.objects.putAll(
            Dictionary(uniqueKeysWithValues: (strays + foreign).map { ($0, Sample.text(9)) }))
        for time in ["+72h", "+93h", "+114h", "+20d", "+40d"] {
            let outcome = try await world.sweep("--now", time)
            #expect(outcome["foreign"] == foreign.count && outcome["stray"] == 1, "\(time): \(outcome)")
            #expect(outcome["quarantined"] == 0 && outcome["purged"] == 0, "\(time): \(outcome)")
        }
        #expect(Set(try await world.placed()) == Set(foreign + strays + [kept]))
        try await world.close()
    }

    @Test("I8: a dry run asks the bucket for no change, and neither rows nor objects change")
    func dryRun() async throws {
        let (world, proxy) = try await World.behindProxy()
        _ = try await world.jobWith("input")
        let orphan = try await world.abandoned()
        try await world.sweep("--now", "+72h")
        let (lost, _) = try await world.jobWith("transcript")
        try await world.service.terminate()
        try await world.deleteJob(lost)
        // Neither purging nor aborting is part of it either.
        let old = ".trash/2020-01-01/20200101T000000Z-abcdef/" + World.key(user: "u", job: "j", "input/original.wav")
        try await world.objects.put(old)
        let open = try await world.objects.beginUpload(World.key(user: "u", job: "j", "input/original.wav"))
        proxy.ageUploads()
        let before = try await world.standing()
        proxy.forgetRequests()
        for arguments in [["--dry-run"], ["--dry-run", "--outbox-only"]] {
            let outcome = try await world.collect(["gc"] + arguments + ["--now", "+93h"])
            #expect(outcome.status == 0 && outcome.verdict == "dry" && outcome["quarantined"] == 0, "\(outcome)")
            if arguments.count == 1 { #expect(outcome["due"] == 1, "\(outcome)") }
        }
        #expect(proxy.changes == [])
        #expect(proxy.requestLines.count > 2)
        #expect(try await world.standing() == before)
        #expect(try await world.objects.uploads() == [open])
        let real = try await world.sweep("--now", "+93h")
        #expect(real["quarantined"] == 2 && real["purged"] == 1, "\(real)")
        #expect(try await world.place(of: orphan) == .trash)
        #expect(try await world.objects.uploads().isEmpty)
    }

    /// How the mark of a bucket can be another's.
    enum Mark: String, CaseIterable, Sendable {
        case missing, garbage, environment, otherDatabase
    }

    @Test("I15: a bucket of another environment or database, or of none, holds every run", arguments: Mark.allCases)
    func identity(mark: Mark) async throws {
        let world = try await World.startOnS3(settings: World.collecting)
        _ = try await world.jobWith("input")
        let orphan = try await world.abandoned()
        try await world.sweep("--now", "+72h")
        let key = ".custode/identity.json"
        let known = try #require(try await world.objects.get(key))
        let marker = try JSON(known)
        var members = Dictionary(uniqueKeysWithValues: marker.names.map { ($0, marker[$0]) })
        switch mark {
        case .missing: try await world.objects.delete(key)
        case .garbage: try await world.objects.put(key, Array("not JSON".utf8))
        case .environment:
            members["environment"] = "production"
            try await world.objects.put(key, Array(JSON.object(members).description.utf8))
        case .otherDatabase:
            members["uuid"] = .string(UUID().uuidString.lowercased())
            try await world.objects.put(key, Array(JSON.object(members).description.utf8))
        }
        let before = try await world.standing()
        for arguments in [["--now", "+93h"], ["--outbox-only"], ["--dry-run"]] {
            expectBlocked(try await world.collect(["gc"] + arguments), by: "identity")
        }
        #expect(try await world.standing() == before)
        try await world.objects.put(key, known)
        #expect(try await world.sweep("--now", "+93h")["quarantined"] == 1)
        #expect(try await world.place(of: orphan) == .trash)
        try await world.close()
    }
}
