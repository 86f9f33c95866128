import CustodeTesting
import Foundation
import Testing

@Suite("Resumable uploads under random faults", .serialized, .timeLimit(.minutes(5)))
struct RandomFaultTests {
    private static let settings = [
        "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "200ms", "CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "5s",
        "CUSTODE_POLICY_COLLECTION_RUNS_APART": "0s", "CUSTODE_POLICY_COLLECTION_GRACE": "0s",
        "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "0s", "CUSTODE_POLICY_COLLECTION_BRAKES_PERCENT": "100",
        "CUSTODE_POLICY_COLLECTION_BRAKES_USERS": "1000", "CUSTODE_POLICY_COLLECTION_BRAKES_LIVE_PERCENT": "0",
        "CUSTODE_POLICY_UPLOADS_MAX_OPEN_PER_USER": "100000", "CUSTODE_LOG_LEVEL": "info",
    ]
    private static let clients = Checkout.isFastRun ? 4 : 6

    private static func story(_ kind: BucketKind) -> FaultStory {
        // Another one tries other things.
        let given = ProcessInfo.processInfo.environment["CUSTODE_TEST_SEED"].flatMap { UInt64($0) }
        let seed = (given ?? 0x5EED_0001) &+ [.directory: 0, .s3: 0x100, .supabase: 0x200][kind, default: 0]
        return Checkout.isFastRun
            ? FaultStory(seed: seed, points: 40, kills: 2, limit: .seconds(12))
            : FaultStory(seed: seed, points: 510, kills: 31, limit: .seconds(110))
    }

    @Test(
        "no byte is lost and none doubled, whatever is killed, cut off, put to sleep or refused, and nothing is left over",
        .tags(.slow), arguments: BucketKind.allCases)
    func faults(kind: BucketKind) async throws {
        let story = Self.story(kind)
        let proxy: FaultProxy?
        let world: World
        switch kind {
        case .directory:
            proxy = nil
            world = try await World.start(settings: Self.settings)
        case .s3:
            let before = try FaultProxy(to: try await PrivateRGW.shared().port)
            proxy = before
            world = try await World.startOnS3(settings: Self.settings, endpoint: before.url)
        case .supabase:
            let standIn = try await SupabaseStandIn.start()
            let before = try FaultProxy(to: standIn.port)
            proxy = before
            world = try await World.startOnSupabase(settings: Self.settings, standIn: standIn, url: before.url)
        }
        let second = try world.replica(kind == .directory ? ["CUSTODE_BUCKET": "file://" + world.bucket] : [:])
        try await second.start()
        let fleet = FaultyFleet(
            world: world, services: [world.service, second], story: story, tally: FaultTally(story),
            noise: Sample.noise(21_000_000))
        let started = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<Self.clients {
                group.addTask {
                    var client = FaultyClient(
                        fleet: fleet, random: story.random(number),
                        largest: kind == .directory ? 12_000_000 : 20_000_000)
                    try await client.run()
                }
            }
            let sources = FaultSources(fleet: fleet, proxy: proxy)
            group.addTask { try await sources.services() }
            group.addTask { try await sources.database() }
            group.addTask { try await sources.bucket() }
            try await group.waitForAll()
        }
        let (faults, answers) = (await fleet.tally.faults, await fleet.tally.answers)
        let objects = await fleet.tally.objects
        let points = faults.values.reduce(0, +)
        print(
            "\(kind), \(story.name): \(points) faults, \(objects.count) objects, \(.now - started)\n\(faults)\n\(answers)"
        )
        #expect(points >= story.points && faults["kill", default: 0] >= story.kills, "\(faults); \(story.name)")
        try await FaultAftermath(fleet: fleet, proxy: proxy, objects: objects).expect()
    }
}
