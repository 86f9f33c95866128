import CustodeCore
import CustodeTesting
import NIOCore
import Synchronization
import Testing

@testable import BlobStores

@Suite("moves in a Supabase bucket")
struct SupabaseMoveTests {
    private static let line = "POST /storage/v1/object/move"
    private static let removal = "DELETE /storage/v1/object"

    private func world(_ size: Int = 4) async throws -> (TestSupabase, FaultProxy, SupabaseStandIn, BlobMove) {
        let (bucket, proxy) = try await TestSupabase.proxied()
        let service = try #require(bucket.service)
        service.put("users/a", Sample.noise(size), in: TestSupabase.bucket, contentType: "audio/wav")
        let wish = try await bucket.store.wish("users/a", to: ".trash/users/a")
        proxy.forgetRequests()
        return (bucket, proxy, service, wish)
    }

    private func names(_ service: SupabaseStandIn) -> [String] {
        service.objects(in: TestSupabase.bucket).map(\.name)
    }

    @Test("a move that fails on its way leaves the object in one place, and is finished when repeated")
    func mishaps() async throws {
        let faults: [(FaultProxy) -> Void] = [
            { $0.loseReply(matching: Self.line) },
            { $0.loseReply(matching: Self.line, times: .max) },
            { $0.answer(matching: Self.line, with: .supabase(400, "503", "LockTimeout")) },
            { $0.answer(matching: Self.line, with: .supabase(400, "403", "AccessDenied")) },
            { $0.answer(matching: Self.line, with: .page(502), times: 2) },
            { $0.answer(matching: Self.line, with: .page(200)) },
            { $0.answer(matching: "GET ", with: .supabase(400, "503", "LockTimeout"), skipping: 2, times: 9) },
        ]
        for (number, fault) in faults.enumerated() {
            let (bucket, proxy, service, wish) = try await world()
            fault(proxy)
            let outcome = await bucket.store.move([wish])[0]
            try proxy.clear()
            #expect(names(service).count == 1, "\(number)")
            if outcome == .moved { #expect(names(service) == [".trash/users/a"], "\(number)") }
            #expect(await bucket.store.move([wish]) == [.moved], "\(number)")
            #expect(names(service) == [".trash/users/a"], "\(number)")
        }
    }

    @Test("a move whose reply was lost is looked at, not sent again: it might find what was restored meanwhile")
    func lostReply() async throws {
        let (bucket, proxy, _, wish) = try await world()
        proxy.loseReply(matching: Self.line, times: .max)
        #expect(await bucket.store.move([wish]) == [.moved])
        #expect(proxy.count(matching: Self.line) == 1)
    }

    @Test("a move that may be tried again is not, once the claim is over, nor begun after looks that took too long")
    func claim() async throws {
        let (bucket, proxy, service, wish) = try await world()
        proxy.answer(matching: Self.line, with: .page(502))
        // The claim ends while the next attempt is waited for.
        let asked = Mutex(0)
        _ = await bucket.store.move([wish]) {
            let sent = proxy.count(matching: Self.line)
            return asked.withLock { asked in
                if sent > 0 { asked += 1 }
                return asked < 2
            }
        }
        #expect(proxy.count(matching: Self.line) == 1)
        try proxy.clear()
        proxy.forgetRequests()
        let outcome = await bucket.store.move([wish]) { proxy.count(matching: "GET ") == 0 }[0]
        #expect(outcome == .failed(.cancelled))
        #expect(proxy.count(matching: Self.line) == 0)
        #expect(await bucket.store.move([wish], while: { false }) == [.failed(.cancelled)])
        #expect(names(service) == ["users/a"])
    }

    @Test("a move that was given up on its way is told as failed, not as one that was never begun")
    func cancelled() async throws {
        let (bucket, proxy, service, wish) = try await world()
        proxy.hold(matching: Self.line, .toServer)
        let moving = Task { await bucket.store.move([wish])[0] }
        #expect(try await eventually { proxy.heldCount == 1 })
        moving.cancel()
        guard case .failed(let error) = await moving.value else {
            Issue.record("moved")
            return
        }
        #expect(error != .cancelled)
        proxy.release()
        #expect(names(service).count == 1)
    }

    @Test("another's object at the new place stays, and what is no longer what was expected does")
    func taken() async throws {
        let (bucket, proxy, service, wish) = try await world()
        service.put(".trash/users/a", [9], in: TestSupabase.bucket)
        #expect(await bucket.store.move([wish]) == [.changed])
        service.remove(".trash/users/a", in: TestSupabase.bucket)
        service.put("users/a", [1, 2, 3, 4], in: TestSupabase.bucket)
        #expect(await bucket.store.move([wish]) == [.changed])
        #expect(proxy.count(matching: Self.line) == 0)
        // One that comes there after the look.
        let now = try await bucket.store.wish("users/a", to: ".trash/users/a")
        proxy.hold(matching: Self.line, .toServer)
        let moving = Task { await bucket.store.move([now])[0] }
        #expect(try await eventually { proxy.heldCount == 1 })
        service.put(".trash/users/a", [9], in: TestSupabase.bucket)
        proxy.release()
        #expect(await moving.value == .changed)
        #expect(names(service) == [".trash/users/a", "users/a"])
        service.remove("users/a", in: TestSupabase.bucket)
        service.remove(".trash/users/a", in: TestSupabase.bucket)
        #expect(await bucket.store.move([now]) == [.absent])
    }

    @Test("an object that came in pieces, or with no metadata, is moved as any other")
    func kinds() async throws {
        let (bucket, _, service, _) = try await world()
        _ = try await bucket.store.put(S3UploadTests.pieces(Sample.noise(7 << 20)), as: key("1"))
        let wish = try await bucket.store.wish(key("1").text, to: ".trash/1")
        #expect(await bucket.store.move([wish, wish]).contains(.moved))
        #expect(await bucket.store.move([wish]) == [.moved])
        #expect(names(service) == [".trash/1", "users/a"])
    }

    private func copying(_ bucket: TestSupabase, _ wish: BlobMove, _ mayGoOn: @escaping @Sendable () -> Bool = { true })
        async -> BlobMove.Outcome
    {
        await SupabaseMove(store: bucket.store, move: wish, mayGoOn: mayGoOn, largestCopy: 1_024).run()
    }

    @Test(
        "an object too large for the service is copied through here, and only then removed",
        arguments: [2_000, 13 << 20])
    func large(_ size: Int) async throws {
        let (bucket, proxy, service, wish) = try await world(size)
        #expect(await copying(bucket, wish) == .moved)
        #expect(proxy.count(matching: Self.line) == 0)
        #expect(names(service) == [".trash/users/a"])
        let stored = try #require(service.bytes(of: ".trash/users/a", in: TestSupabase.bucket))
        #expect(Sample.firstDifference(stored, Sample.noise(size)) == nil)
        #expect(service.objects(in: TestSupabase.bucket)[0].contentType == "audio/wav")
        #expect(service.openUploads.isEmpty)
        #expect(await copying(bucket, wish) == .moved)
    }

    @Test(
        "I3, I9: the removal after a copy is not sent again when its reply was lost, and the move is finished when repeated"
    )
    func removalOnce() async throws {
        let (bucket, proxy, service, wish) = try await world(2_000)
        proxy.loseReply(matching: Self.removal)
        guard case .failed(.unavailable) = await copying(bucket, wish) else {
            Issue.record("its end is not known")
            return
        }
        #expect(proxy.count(matching: Self.removal) == 1)
        #expect(await copying(bucket, wish) == .moved)
        #expect(names(service) == [".trash/users/a"])
    }

    @Test("a removal after a copy that was refused in passing is not tried again once the claim is over")
    func removalLate() async throws {
        let (bucket, proxy, service, wish) = try await world(2_000)
        proxy.answer(matching: Self.removal, with: .supabase(429, "429", "SlowDown"))
        _ = await copying(bucket, wish) { proxy.count(matching: Self.removal) == 0 }
        #expect(proxy.count(matching: Self.removal) == 1)
        #expect(names(service) == [".trash/users/a", "users/a"])
        try proxy.clear()
        #expect(await copying(bucket, wish) == .moved)
    }

    @Test("a copy that is interrupted anywhere leaves the source, nothing open, and is finished when repeated")
    func copyMishaps() async throws {
        let faults: [(FaultProxy) -> Void] = [
            { $0.answer(matching: "PATCH ", with: .supabase(400, "403", "AccessDenied"), skipping: 1) },
            { $0.set(.cut(afterBytes: 400_000, .toClient, .reset), times: 20) },
            { $0.answer(matching: "POST /storage/v1/upload", with: .page(502)) },
            { $0.answer(matching: Self.removal, with: .supabase(400, "403", "AccessDenied")) },
        ]
        for (number, fault) in faults.enumerated() {
            let (bucket, proxy, service, wish) = try await world(9 << 20)
            fault(proxy)
            guard case .failed = await copying(bucket, wish) else {
                Issue.record("\(number)")
                continue
            }
            try proxy.clear()
            #expect(names(service).contains("users/a"), "\(number)")
            #expect(service.openUploads.isEmpty, "\(number)")
            #expect(await copying(bucket, wish) == .moved, "\(number)")
            #expect(names(service) == [".trash/users/a"], "\(number)")
        }
    }

    @Test("what comes to the new place while a copy is under way stays, and so does the source")
    func copyTaken() async throws {
        let (bucket, proxy, service, wish) = try await world(2_000)
        proxy.hold(matching: "POST /storage/v1/object/recordings/.trash", .toServer)
        let moving = Task { await copying(bucket, wish) }
        #expect(try await eventually { proxy.heldCount == 1 })
        service.put(".trash/users/a", [9], in: TestSupabase.bucket)
        proxy.release()
        #expect(await moving.value == .changed)
        #expect(service.bytes(of: ".trash/users/a", in: TestSupabase.bucket) == [9])
        #expect(names(service) == [".trash/users/a", "users/a"])
    }

    @Test("a source that is written anew while it is copied stays")
    func copyChanged() async throws {
        let (bucket, proxy, service, wish) = try await world(2_000)
        proxy.hold(matching: "POST /storage/v1/object/recordings/.trash", .toClient)
        let moving = Task { await copying(bucket, wish) }
        #expect(try await eventually { proxy.heldCount == 1 })
        service.put("users/a", Sample.noise(2_000, seed: 5), in: TestSupabase.bucket)
        proxy.release()
        #expect(await moving.value == .changed)
        #expect(names(service).contains("users/a"))
    }
}
