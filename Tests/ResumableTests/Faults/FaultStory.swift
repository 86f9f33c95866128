import CustodeTesting
import Foundation
import Testing

/// What a story of random faults is about, and how much of it there is.
struct FaultStory: Sendable {
    /// What the clients, and whoever disturbs them, draw their numbers from.
    let seed: UInt64
    /// How many faults are to be injected at least.
    let points: Int
    /// How many of them are to be kills.
    let kills: Int
    /// How long it may go on for that.
    let limit: Duration

    /// What went wrong is found again by this.
    var name: String { "seed 0x\(String(seed, radix: 16))" }

    /// The numbers of one who takes part.
    func random(_ number: Int) -> SeededGenerator {
        SeededGenerator(seed: seed &+ UInt64(number) &* 0x9E37_79B9)
    }
}

/// Counts what was done and what came of it.
actor FaultTally {
    /// How often each fault was injected.
    private(set) var faults: [String: Int] = [:]
    /// How often each answer, or none, came.
    private(set) var answers: [String: Int] = [:]
    /// Objects that became what they were to be.
    private(set) var objects: [FinishedObject] = []

    private var sleeps = false
    private let story: FaultStory
    private let end: ContinuousClock.Instant

    init(_ story: FaultStory) {
        self.story = story
        end = .now + story.limit
    }

    /// How many faults there were.
    var points: Int { faults.values.reduce(0, +) }
    /// How many of them ended a service.
    var kills: Int { faults["kill", default: 0] }
    /// Whether the story is to go on.
    var wantsMore: Bool { ContinuousClock.now < end && (points < story.points || kills < story.kills) }

    /// Whether a service may be put to sleep now: were all asleep, they would wait for one another.
    func mayPutToSleep() -> Bool {
        defer { sleeps = true }
        return !sleeps
    }

    func isAwake() { sleeps = false }

    func hit(_ fault: String) { faults[fault, default: 0] += 1 }
    func note(_ answer: String) { answers[answer, default: 0] += 1 }
    func note(_ object: FinishedObject) { objects.append(object) }
}

/// An object that a client saw to the end.
struct FinishedObject: Sendable {
    let job: TestJob
    let object: String
    let bytes: [UInt8]
}

/// The services of one story, any of which may be down or asleep at any time.
struct FaultyFleet: Sendable {
    let world: World
    var services: [CustodeProcess]
    let story: FaultStory
    let tally: FaultTally
    /// What the sounds of all clients are cut from.
    let noise: [UInt8]

    /// How long a killed request may keep an upload from the next one, and something on top.
    private static let patience = Duration.seconds(25)
    /// How long services may be in trouble before a client despairs.
    private static let despair = Duration.seconds(90)

    /// Asks any of the services; nil if nobody can know what came of it.
    func request(
        _ random: inout SeededGenerator, _ method: String, _ target: String, _ headers: HeaderList,
        _ body: RequestBody = .none
    ) async -> RawResponse? {
        guard let service = services.randomElement(using: &random) else { return nil }
        let reply = try? await service.client.request(
            method, target, headers: headers, body: body, within: Self.patience)
        await note(method, reply)
        return reply
    }

    /// Asks until there is an answer that no trouble explains.
    func insist(
        _ random: inout SeededGenerator, _ method: String, _ target: String, _ headers: HeaderList,
        _ body: RequestBody = .none
    ) async throws -> RawResponse {
        let end = ContinuousClock.now + Self.despair
        var last: RawResponse?
        while ContinuousClock.now < end {
            let reply = await request(&random, method, target, headers, body)
            if let reply, !Self.isTrouble(reply) { return reply }
            last = reply ?? last
            try await Task.sleep(for: .milliseconds(30))
        }
        throw HarnessError("\(method) \(target): no answer, last \(last?.summary ?? "none"); \(story.name)")
    }

    /// Whether a reply may be another one a moment later: database or bucket are away, or somebody has the upload.
    static func isTrouble(_ reply: RawResponse) -> Bool { [423, 503].contains(reply.status) }

    /// Reads the reply to a request that was sent by hand.
    func reply(_ connection: RawConnection) async -> RawResponse? {
        let reply = try? await connection.read(to: "PATCH", within: Self.patience)
        await note("PATCH", reply)
        return reply
    }

    private func note(_ method: String, _ reply: RawResponse?) async {
        await tally.note("\(method) \(reply.map { String($0.status) } ?? "-")")
        if let reply, reply.status == 500 { Issue.record("\(method): \(reply.summary); \(story.name)") }
    }
}
