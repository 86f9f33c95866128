import Testing

@testable import CustodeCore

@Suite("Keys from before")
struct LegacyKeyTests {
    private static let key = "users/auth0=7calice/jobs/\(Sample.job.text)/input/original.wav"

    @Test(
        "any path may be one, as long as it leads nowhere else", arguments: ["a", "a/b.wav", "old/ü .wav", ".hidden/x"])
    func plain(text: String) {
        #expect(LegacyKey(text, of: Sample.job, owner: Sample.user)?.text == text)
    }

    @Test(
        "what could be spelled otherwise, is above, or is the bucket's own, is none",
        arguments: ["", "/a", "a/", "a//b", "./a", "a/../b", "..", "a\0b", ".trash/a", ".custode/identity.json"])
    func others(text: String) {
        #expect(LegacyKey(text, of: Sample.job, owner: Sample.user) == nil)
        #expect(QuarantinedKey(any: text) == nil)
    }

    @Test("a key of our naming is its job's and its owner's alone")
    func ours() throws {
        #expect(LegacyKey(Self.key, of: Sample.job, owner: Sample.user) != nil)
        #expect(LegacyKey(Self.key, of: Sample.job, owner: Sample.otherUser) == nil)
        #expect(LegacyKey(Self.key, of: try #require(JobID("another")), owner: Sample.user) == nil)
    }

    @Test("quarantine reads back keys from before, of the runs that set them aside and of no others")
    func places() throws {
        let moment = Timestamp(seconds: 1_795_000_000)
        let old = try #require(QuarantinedKey(any: "old/a b.wav"))
        let run = RunID.makeForRemoval(moment, CountingRandom())
        let place = TrashPlace(of: old, run: run, on: moment)
        #expect(RunID.isWellFormed(run) && RunID.removesSources(run))
        #expect(TrashPlace(parsing: place.text) == place)
        let foreign = TrashPlace(of: old, run: RunID.make(moment, CountingRandom()), on: moment)
        #expect(TrashPlace(parsing: foreign.text) == nil)
        let ours = TrashPlace(of: try #require(ObjectKey(parsing: Self.key)), run: run, on: moment)
        #expect(TrashPlace(parsing: ours.text)?.key.object?.text == Self.key)
        #expect(TrashPlace(parsing: ".trash/2026-11-26/\(run)/.custode/identity.json") == nil)
    }

    @Test("keys that differ in their Unicode normalization alone are two")
    func normalization() throws {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        #expect(QuarantinedKey(any: composed) != QuarantinedKey(any: decomposed))
        #expect(LegacyPlace.file("/" + composed) != LegacyPlace.file("/" + decomposed))
        #expect(Set([LegacyPlace.object(composed), .object(decomposed)]).count == 2)
    }

    @Test("a cosmetic name is the last part of a path, if it can be shown")
    func names() {
        #expect(LegacyKey.filename(of: "/srv/a/Talk é.wav") == "Talk é.wav")
        #expect(LegacyKey.filename(of: "a\nb") == nil)
        #expect(LegacyKey.filename(of: String(repeating: "a", count: 256)) == nil)
    }
}
