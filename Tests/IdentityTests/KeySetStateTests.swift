import CustodeTesting
import Testing

@testable import Identity

@Suite("When an issuer's keys are asked for")
struct KeySetStateTests {
    private static let start = ContinuousClock.now
    private static let keys = Once { () -> (old: SigningKeys, new: SigningKeys) in
        let one = try await SigningKeyFile.make()
        let other = try await SigningKeyFile.make()
        let set = { (key: SigningKeyFile) in
            try await SigningKeys(document: Array(JSON.object(["keys": [key.jwk("a")]]).description.utf8))
        }
        return (try await set(one), try await set(other))
    }

    private static func name(_ answer: KeySetState.Answer) -> String {
        switch answer {
        case .key: "key"
        case .unknown: "unknown"
        case .ask: "ask"
        case .undecided: "undecided"
        }
    }

    private static func look(_ state: inout KeySetState, _ id: String, _ seconds: Int64) -> String {
        name(state.look(id, refuted: nil, now: start + .seconds(seconds)))
    }

    @Test("a set is good for ten minutes, then it is due again")
    func lifetime() async throws {
        var state = KeySetState()
        #expect(state.nextFetch <= .now)
        state.succeeded(try await Self.keys.value().old, now: Self.start)
        #expect(state.nextFetch == Self.start + .seconds(600))
        #expect(Self.look(&state, "a", 599) == "key")
    }

    @Test("an unknown id asks at once, then for 30 s no more, whatever the ids")
    func unknown() async throws {
        var state = KeySetState()
        state.succeeded(try await Self.keys.value().old, now: Self.start)
        #expect(Self.look(&state, "b", 1) == "ask")
        state.succeeded(try await Self.keys.value().old, now: Self.start + .seconds(1))
        #expect(Self.name(state.answer("b", refuted: nil, now: Self.start + .seconds(1))) == "unknown")
        for id in ["b", "c", "d"] { #expect(Self.look(&state, id, 30) == "unknown") }
        #expect(Self.look(&state, "a", 30) == "key")
        #expect(Self.look(&state, "e", 31) == "ask")
    }

    @Test("a signature that is not by the key of its id asks under the same limit, and is told from one by a new key")
    func refuted() async throws {
        var state = KeySetState()
        let (old, new) = try await Self.keys.value()
        state.succeeded(old, now: Self.start)
        let now = Self.start + .seconds(1)
        #expect(Self.name(state.look("a", refuted: old["a"], now: now)) == "ask")
        state.succeeded(new, now: now)
        #expect(Self.name(state.answer("a", refuted: old["a"], now: now)) == "key")
        #expect(Self.name(state.answer("a", refuted: new["a"], now: now)) == "unknown")
        #expect(Self.name(state.look("a", refuted: new["a"], now: now + .seconds(29))) == "unknown")
    }

    @Test("while the issuer does not answer the old set serves for a day, and no longer")
    func stale() async throws {
        var state = KeySetState()
        state.succeeded(try await Self.keys.value().old, now: Self.start)
        state.failed(now: Self.start + .seconds(600))
        #expect(Self.look(&state, "a", 86_399) == "key")
        state.failed(now: Self.start + .seconds(86_399))
        #expect(Self.look(&state, "a", 86_400) == "undecided", "it was asked a second ago")
        #expect(Self.look(&state, "a", 86_500) == "ask")
        #expect(Self.name(state.answer("a", refuted: nil, now: Self.start + .seconds(86_500))) == "undecided")
    }

    @Test("whether an id is unknown cannot be told while the issuer does not answer")
    func undecided() async throws {
        var state = KeySetState()
        state.succeeded(try await Self.keys.value().old, now: Self.start)
        #expect(Self.look(&state, "b", 1) == "ask")
        state.failed(now: Self.start + .seconds(1))
        #expect(Self.name(state.answer("b", refuted: nil, now: Self.start + .seconds(1))) == "undecided")
        #expect(Self.look(&state, "b", 2) == "undecided")
        #expect(Self.look(&state, "a", 2) == "key")
    }

    @Test("what fails is tried again after 1, 2, 4 … 30 s; after 5 at most where somebody waits")
    func retries() {
        var state = KeySetState()
        for (count, wait) in [1, 2, 4, 8, 16, 30, 30].enumerated() {
            let now = Self.start + .seconds(count * 1_000)
            state.failed(now: now)
            #expect(state.nextFetch == now + .seconds(wait))
            let wanted = Int64(min(wait, 5) + count * 1_000)
            #expect(Self.look(&state, "a", wanted - 1) == "undecided")
            #expect(Self.look(&state, "a", wanted) == "ask")
        }
    }

    @Test("a set that came takes the place of the old one: a key that is gone from it is no key any more")
    func replaced() async throws {
        var state = KeySetState()
        state.succeeded(try await Self.keys.value().old, now: Self.start)
        let empty = try await SigningKeys(document: Array(#"{"keys":[]}"#.utf8))
        state.succeeded(empty, now: Self.start + .seconds(600))
        #expect(Self.look(&state, "a", 601) == "ask")
        #expect(Self.name(state.answer("a", refuted: nil, now: Self.start + .seconds(601))) == "unknown")
    }

    @Test("whoever comes while the issuer is asked waits for the answer with the others")
    func joined() async throws {
        var state = KeySetState()
        let (old, new) = try await Self.keys.value()
        state.succeeded(old, now: Self.start)
        #expect(Self.look(&state, "b", 1) == "ask")
        state.isFetching = true
        for id in ["b", "c"] { #expect(Self.look(&state, id, 2) == "ask") }
        #expect(Self.name(state.look("a", refuted: old["a"], now: Self.start + .seconds(2))) == "ask")
        #expect(Self.look(&state, "a", 2) == "key")
        state.succeeded(new, now: Self.start + .seconds(3))
        #expect(Self.look(&state, "b", 3) == "unknown")
        var cold = KeySetState()
        cold.isFetching = true
        cold.failed(now: Self.start)
        #expect(Self.look(&cold, "a", 0) == "undecided")
        cold.isFetching = true
        #expect(Self.look(&cold, "a", 0) == "ask")
    }

    @Test("an issuer without any key is asked again soon")
    func empty() async throws {
        var state = KeySetState()
        state.succeeded(try await SigningKeys(document: Array(#"{"keys":[]}"#.utf8)), now: Self.start)
        #expect(state.nextFetch == Self.start + .seconds(5))
    }
}
