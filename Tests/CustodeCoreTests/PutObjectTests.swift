import CustodeTesting
import Synchronization
import Testing

@testable import CustodeCore

@Suite("receiving an object")
struct PutObjectTests {
    @Test("the steps of an upload, in their order: judged, intended, stored, sealed, placed, referred to")
    func order() async throws {
        let bench = try UploadBench()
        let outcome = try await bench.send()
        let key = UploadBench.plainKey
        #expect(
            bench.journal.steps == [
                .sniff, .beginIntent(key), .beginUpload, .write, .write, .write, .write, .seal, .publishBlob(key),
                .publishRow(key),
            ])
        #expect(outcome.created)
        #expect(bench.store.objects == [key: UploadBench.wavBytes])
        #expect(bench.catalog.reference == .published(outcome.record))
        #expect(bench.catalog.openIntents == 0 && bench.store.openUploads == 0)
    }

    @Test("what is recorded is what was received")
    func record() async throws {
        let bench = try UploadBench()
        let bytes = UploadBench.wavBytes
        let outcome = try await bench.send(
            UploadBench.wav,
            asking: UploadBench.request {
                $0.filename = "größe.wav"
                $0.claim = MediaType("audio/wav; x=y")
                $0.length = Int64(bytes.count)
                $0.digest = Digest(SHA256.digest(bytes))
            })
        let record = outcome.record
        #expect(record.key == UploadBench.plainKey && record.job == Sample.job && record.object == .input)
        #expect(record.contentType == "audio/wav" && record.size == Int64(bytes.count))
        #expect(record.sha256.bytes == SHA256.digest(bytes) && record.etag == ETag(record.sha256))
        #expect(record.filename == "größe.wav" && record.createdAt == bench.clock.now())
    }

    @Test("nothing is begun when the first bytes are refused")
    func refusedAtOnce() async throws {
        for finding in ["application/pdf", "text/html", "application/x-elf", "image/png"] {
            let bench = try UploadBench(finding: finding)
            let error = await #expect(throws: Refusal.self) { try await bench.send() }
            guard case .unsupportedType? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(bench.journal.steps == [.sniff])
            bench.expectNothingLeft()
        }
    }

    @Test("nothing is begun when the bytes cannot be judged")
    func snifferAway() async throws {
        let bench = try UploadBench(finding: nil)
        await #expect(throws: FakeSniffer.Failed.self) { try await bench.send() }
        #expect(bench.journal.steps == [.sniff])
    }

    @Test("nothing is begun when the client goes before the first bytes can be judged")
    func goneAtOnce() async throws {
        struct Gone: Error {}
        let bench = try UploadBench()
        await #expect(throws: Gone.self) { try await bench.send([[1, 2, 3]], failure: Gone()) }
        #expect(bench.journal.steps == [])
    }

    @Test("an empty input is refused, and nothing begun")
    func emptyInput() async throws {
        let bench = try UploadBench()
        for pieces in [[], [[]], [[], []]] as [[[UInt8]]] {
            await #expect(throws: Refusal.unsupportedType("The body is empty; this object needs content.")) {
                try await bench.send(pieces)
            }
        }
        #expect(bench.catalog.state.withLock { $0.lastIntent } == 0)
    }

    @Test("an empty artifact of a text kind is valid")
    func emptyArtifact() async throws {
        let bench = try UploadBench()
        let outcome = try await bench.send([], as: Sample.transcript, asking: UploadBench.request { $0.length = 0 })
        #expect(outcome.record.size == 0 && outcome.record.contentType == "text/plain")
        #expect(outcome.record.key.hasSuffix("/output/transcript.txt"))
        #expect(bench.store.objects[outcome.record.key] == [])
    }

    @Test("a fault in the last byte of a text is refused, and nothing published")
    func lateTextFault() async throws {
        for last in [[0xC3], [0xFF], [0x00], [0xED, 0xA0, 0x80]] as [[UInt8]] {
            let bench = try UploadBench()
            let pieces = [Array("Guten ".utf8), Array("Tag".utf8), last]
            let error = await #expect(throws: Refusal.self) { try await bench.send(pieces, as: Sample.transcript) }
            guard case .unsupportedType? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(bench.store.objects.isEmpty)
            #expect(bench.journal.count(.cancel) == 1 && bench.journal.count(.abandon) == 0)
            bench.expectNothingLeft()
        }
    }

    @Test("a key that something holds is moved on from, by an intent that covers the next one first")
    func keyTaken() async throws {
        let bench = try UploadBench()
        bench.store.state.withLock { $0.objects[UploadBench.plainKey] = [9] }
        let outcome = try await bench.send()
        let key = outcome.record.key
        #expect(ObjectKey(parsing: key)?.suffix != nil)
        #expect(
            bench.journal.steps.suffix(4) == [
                .publishBlob(UploadBench.plainKey), .move(key), .publishBlob(key), .publishRow(key),
            ])
        #expect(bench.store.objects == [UploadBench.plainKey: [9], key: UploadBench.wavBytes])
        #expect(bench.catalog.openIntents == 0)
    }

    @Test("an object that was there once gets a key with a suffix from the start")
    func writtenBefore() async throws {
        let bench = try UploadBench()
        bench.catalog.state.withLock { _ = $0.written.insert(UploadBench.plainKey) }
        let outcome = try await bench.send()
        #expect(ObjectKey(parsing: outcome.record.key)?.suffix != nil)
        #expect(bench.journal.count(.publishBlob(UploadBench.plainKey)) == 0)
    }

    @Test("three keys in a row that are taken end the upload, without a reference")
    func threeKeysTaken() async throws {
        let bench = try UploadBench()
        bench.store.state.withLock { $0.keysTaken = 3 }
        await #expect(throws: BlobStoreError.self) { try await bench.send() }
        #expect(bench.store.objects.isEmpty)
        bench.expectNothingLeft()
    }

    @Test("the lease is renewed while a long body comes in, a third of it before it ends at the latest")
    func renewal() async throws {
        let bench = try UploadBench()
        let clock = bench.clock
        _ = try await bench.send([[UInt8](repeating: 1, count: 5_000)] + (0..<10).map { [$0] }) { piece in
            if piece > 0 { clock.advance(.seconds(21 * 60)) }
        }
        // The lease is an hour, a third of it 20 minutes: each piece comes after one.
        #expect(bench.journal.count(.renew) == 10)
        #expect(bench.catalog.state.withLock { $0.leases } == [Duration](repeating: .seconds(3_600), count: 11))
    }

    @Test("a quick upload renews nothing")
    func noRenewal() async throws {
        let bench = try UploadBench()
        let clock = bench.clock
        _ = try await bench.send { _ in clock.advance(.seconds(60)) }
        #expect(bench.journal.count(.renew) == 0)
    }

    @Test("the lease is renewed after a seal that took long")
    func renewalAfterSeal() async throws {
        let bench = try UploadBench()
        let clock = bench.clock
        bench.store.state.withLock { $0.whileSealing = { clock.advance(.seconds(1_800)) } }
        _ = try await bench.send()
        let renewed = try #require(bench.journal.place(.renew))
        #expect(renewed > (try #require(bench.journal.place(.seal))))
        #expect(renewed < (try #require(bench.journal.place(.publishBlob(UploadBench.plainKey)))))
    }

    @Test("a renewal that fails is tried again soon, and does not end the upload")
    func failingRenewal() async throws {
        let bench = try UploadBench()
        let (clock, catalog) = (bench.clock, bench.catalog)
        catalog.fail(.renew, .unavailable("away"))
        _ = try await bench.send([[UInt8](repeating: 1, count: 5_000), [1], [2], [3], [4]]) { piece in
            switch piece {
            case 1: clock.advance(.seconds(1_201))
            case 2: clock.advance(.seconds(4))
            case 3:
                clock.advance(.seconds(2))
                catalog.state.withLock { $0.faults[.renew] = nil }
            case 4: clock.advance(.seconds(60))
            default: break
            }
        }
        // After 20 minutes in vain, not again after four seconds, again after six, and then it is good for long.
        #expect(bench.journal.count(.renew) == 2)
        #expect(catalog.reference != nil)
    }
}
