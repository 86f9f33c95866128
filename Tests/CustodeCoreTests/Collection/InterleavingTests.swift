import CustodeCore
import CustodeTesting
import Testing

@Suite("collection, in random interleavings with crashes at every step")
struct InterleavingTests {
    private static let seeds = Checkout.isFastRun ? UInt64(1)...20 : UInt64(1)...150

    @Test(
        "I1 nothing live is ever out of its place, I4 nothing is lost, I5 nothing goes unaudited, I10 nothing foreign is touched",
        arguments: [seeds])
    func safety(seeds: ClosedRange<UInt64>) async throws {
        for seed in seeds {
            let faults = try await Interleaving(seed: seed)()
            #expect(faults.isEmpty, "\(faults)")
        }
    }

    @Test(
        "I2 after quiescence every orphan is gone, after the TTL from the trash too; I12 no reference dangles",
        arguments: [seeds])
    func liveness(seeds: ClosedRange<UInt64>) async throws {
        for seed in seeds {
            let before = try Interleaving(seed: seed)
            _ = await before()
            let model = Model(before.model.with { $0 })
            var bench = try CollectionBench(model)
            bench.policy = before.bench.policy
            for round in 0..<4 {
                let report = await bench.sweep(after: .seconds(7_000), UInt64(round))
                #expect(report.verdict == .done, "seed \(seed): \(report)")
            }
            let orphans = model.with { state in
                state.bucket.keys.filter { $0.hasPrefix("users/") && !state.live.contains($0) }
                    .filter { !Interleaving.foreign.contains($0) }
            }
            #expect(orphans.isEmpty, "seed \(seed): \(orphans)")
            for round in 0..<2 { _ = await bench.sweep(after: .seconds(86_400), UInt64(round + 10)) }
            #expect(bench.trash.isEmpty, "seed \(seed): \(bench.trash)")
            let dangling = model.with { state in state.live.filter { state.bucket[$0] == nil } }
            #expect(dangling.isEmpty, "seed \(seed): \(dangling)")
        }
    }

    @Test("I3 until the purge, everything in the trash comes back byte for byte", arguments: [seeds])
    func restores(seeds: ClosedRange<UInt64>) async throws {
        for seed in seeds {
            let before = try Interleaving(seed: seed)
            _ = await before()
            let model = Model(before.model.with { $0 })
            var bench = try CollectionBench(model)
            bench.policy = before.bench.policy
            model.with { $0.now = $0.now + .seconds(120) }
            let contents = model.with { state in state.bucket.filter { $0.key.hasPrefix(TrashPlace.root) } }
            for (text, blob) in contents.sorted(by: { $0.key < $1.key }) {
                let place = try #require(TrashPlace(parsing: text))
                guard !bench.isInPlace(place.key.text) else { continue }
                let report = try await RestoreObjects(bench.parts())(.run(place.run))
                #expect(report.restored > 0, "seed \(seed): \(report)")
                let back = model.with { $0.bucket[place.key.text]?.content }
                #expect(back == blob.content, "seed \(seed): \(place.key)")
            }
        }
    }

    @Test("one seed is one story: the same steps, the same end")
    func deterministic() async throws {
        let ends = try await [7, 7].asyncMap { (seed: UInt64) in
            let story = try Interleaving(seed: seed)
            _ = await story()
            return story.model.with { $0.bucket.mapValues(\.content) }
        }
        #expect(ends[0] == ends[1])
    }
}

extension Array {
    fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
        var results: [T] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
