import Testing

@testable import CustodeCore

@Suite("brakes on volume, at their edges")
struct BrakeTests {
    private static func brakes() throws -> Policy.Brakes {
        var brakes = try Sample.policy().collection.brakes
        brakes = Policy.Brakes(
            percent: 2, minimumObjects: 100, objects: 10, bytes: 1_000, users: 3, livePercent: 90)
        return brakes
    }

    private static func held(_ change: (inout SweepVolume) -> Void) throws -> Brake? {
        var volume = SweepVolume()
        volume.objects = 10_000
        volume.liveReferences = 900
        volume.lastLiveReferences = 1_000
        change(&volume)
        return try brakes().held(by: volume)?.brake
    }

    @Test("I16: each holds just above its bound and not at it")
    func edges() throws {
        #expect(try Self.held { _ in } == nil)
        #expect(try Self.held { $0.liveReferences = 899 } == .live)
        #expect(try Self.held { $0.due = 10 } == nil)
        #expect(try Self.held { $0.due = 11 } == .objects)
        #expect(try Self.held { $0.bytesDue = 1_000 } == nil)
        #expect(try Self.held { $0.bytesDue = 1_001 } == .bytes)
        #expect(try Self.held { $0.wholeUsers = 3 } == nil)
        #expect(try Self.held { $0.wholeUsers = 4 } == .users)
        #expect(try Self.held { ($0.objects, $0.due) = (250, 5) } == nil)
        #expect(try Self.held { ($0.objects, $0.due) = (250, 6) } == .percent)
        #expect(try Self.held { ($0.objects, $0.due) = (99, 9) } == nil)
        #expect(try Self.held { ($0.objects, $0.due) = (100, 3) } == .percent)
    }

    @Test("nothing alive is a brake where there is anything to lose, and not in a new and empty place")
    func nothingAlive() throws {
        #expect(try Self.held { ($0.liveReferences, $0.lastLiveReferences) = (0, nil) } == .live)
        #expect(try Self.held { ($0.liveReferences, $0.lastLiveReferences, $0.objects) = (0, nil, 0) } == nil)
        #expect(try Self.held { ($0.liveReferences, $0.lastLiveReferences, $0.objects) = (0, 5, 0) } == .live)
    }

    @Test("the sentence of a brake says what was found and the way out")
    func sentences() throws {
        var volume = SweepVolume()
        (volume.objects, volume.due, volume.liveReferences) = (250, 6, 200)
        let sentence = try #require(try Self.brakes().held(by: volume)).sentence
        #expect(sentence.contains("6 of 250") && sentence.contains("--override"))
    }
}

@Suite("users of whom everything would go")
struct UserTallyTests {
    @Test("a user counts only if every object is due, however late that is known")
    func whole() {
        var tally = UserTally()
        for (user, count) in [("a", 2), ("b", 1), ("c", 3)] {
            for _ in 0..<count {
                tally.count(user[...])
                tally.deferCurrent()
            }
        }
        tally.count("d")
        for user in ["a", "a", "b", "c"] { tally.condemn(user[...]) }
        tally.settle()
        tally.count("e")
        tally.deferCurrent()
        tally.condemn("e")
        #expect(tally.finish() == 3, "a, b and e; c keeps two, d has nothing undecided")
    }
}
