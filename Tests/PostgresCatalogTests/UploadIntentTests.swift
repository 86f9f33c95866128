import CustodeCore
import CustodeTesting
import PostgresCatalog
import PostgresClient
import Testing

@Suite("intents, committed before the first byte", .serialized)
struct UploadIntentTests {
    @Test(
        "the plain key is taken if nobody has ever written it, else the one with the suffix", arguments: IDKind.allCases
    )
    func keyChoice(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let keys = try world.keys(job, user)
        let first = try await world.begin(job, user)
        #expect(first.key == keys.plain)
        // Another upload is on its way to it.
        let second = try await world.begin(job, user)
        #expect(second.key == keys.suffixed && second.id != first.id)
        // It is published.
        #expect(try await world.publish(first).isPublished)
        #expect(try await world.begin(job, user, suffix: "aaaaaa").key.suffix == "aaaaaa")
        // It is forgotten, and not yet collected.
        #expect(try await world.catalog.forget(job, of: user, .input, .present) == .forgotten)
        #expect(try await world.begin(job, user, suffix: "bbbbbb").key.suffix == "bbbbbb")
    }

    @Test("a dead upload's key is not used again before it was collected; a cancelled one's is")
    func closedIntents() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, user) = try await world.job()
        let cancelled = try await world.begin(job, user)
        try await world.catalog.cancel(cancelled)
        let abandoned = try await world.begin(job, user)
        #expect(abandoned.key == cancelled.key)
        try await world.catalog.abandon(abandoned)
        #expect(try await world.begin(job, user, suffix: "aaaaaa").key.suffix == "aaaaaa")
        #expect(try await world.intents("abandoned") == [abandoned.key.text])
    }

    @Test("of uploads begun at the same time exactly one gets the plain key")
    func race() async throws {
        let world = try await CatalogWorld(.bigint)
        let (job, user) = try await world.job()
        let keys = try await withThrowingTaskGroup(of: ObjectKey.self) { group in
            for letter in "abcdefgh" {
                group.addTask { try await world.begin(job, user, suffix: "aaaaa\(letter)").key }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(keys.count == 8 && keys.count { $0.suffix == nil } == 1)
    }

    @Test("an intent is moved to another key, as long as it is open")
    func move() async throws {
        let world = try await CatalogWorld(.text)
        let (job, user) = try await world.job()
        let intent = try await world.begin(job, user)
        let target = try world.keys(job, user, suffix: "aaaaaa").suffixed
        let moved = try await world.catalog.move(intent, to: target)
        #expect(moved == UploadIntent(id: intent.id, key: target))
        #expect(try await world.intents("open") == [target.text])
        #expect(try await world.publish(moved).isPublished)
        await #expect(throws: CatalogError.self) { try await world.catalog.move(moved, to: target) }
        let abandoned = try await world.begin(job, user, suffix: "bbbbbb")
        try await world.catalog.abandon(abandoned)
        await #expect(throws: CatalogError.self) {
            try await world.catalog.move(abandoned, to: world.keys(job, user, suffix: "cccccc").suffixed)
        }
    }

    @Test("a lease runs from now, and a renewal from then")
    func leases() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, user) = try await world.job()
        let intent = try await world.begin(job, user, lease: .seconds(3_600))
        let left = "select extract(epoch from lease_until - clock_timestamp())::text from custode.upload_intents"
        let first = try await world.number(left)
        #expect((3_500...3_600).contains(first))
        try await world.catalog.renew(intent, lease: .seconds(7_200))
        let second = try await world.number(left)
        #expect((7_100...7_200).contains(second))
    }

    @Test("a lease is not cut to whole seconds: a policy may say 1500ms")
    func shortLease() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, user) = try await world.job()
        _ = try await world.begin(job, user, lease: .milliseconds(1_500))
        let milliseconds = try await world.number(
            "select extract(milliseconds from lease_until - created_at)::text from custode.upload_intents")
        #expect((1_400...1_600).contains(milliseconds), "\(milliseconds)")
    }

    @Test("an abandoned intent cannot be renewed or cancelled: its bytes are collection's")
    func abandonedForGood() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, user) = try await world.job()
        let intent = try await world.begin(job, user)
        try await world.catalog.abandon(intent)
        try await world.catalog.renew(intent, lease: .seconds(3_600))
        try await world.catalog.cancel(intent)
        #expect(
            try await world.value("select (lease_until <= clock_timestamp())::text from custode.upload_intents")
                == "true")
    }

    @Test("closing an intent that is closed changes nothing, after a publication too")
    func closedTwice() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, user) = try await world.job()
        let intent = try await world.begin(job, user)
        #expect(try await world.publish(intent).isPublished)
        try await world.catalog.abandon(intent)
        try await world.catalog.cancel(intent)
        #expect(try await world.catalog.find(job, .input)?.reference != nil)
        #expect(try await world.value("select count(*)::text from custode.upload_intents") == "0")
    }
}
