import CustodeTesting
import Testing

@Suite("What the integration tests stand on")
struct HarnessTests {
    @Test(
        "the digests the tests compute are SHA-256",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func digest(text: String, hex: String) {
        #expect(SHA256.hex(Array(text.utf8)) == hex)
    }

    @Test("a command's output, errors and exit status come back, and one that runs too long throws")
    func command() async throws {
        let outcome = try await Command.run("/bin/sh", ["-c", "echo out; echo err >&2; exit 3"])
        #expect(outcome.status == 3 && outcome.output == "out\n" && outcome.errors == "err\n")
        await #expect(throws: HarnessError.self) {
            try await Command.run("/bin/sh", ["-c", "sleep 60"], within: .milliseconds(200))
        }
    }

    @Test("a private Postgres serves the SaaS's tables with ids of every type", arguments: IDKind.allCases)
    func postgres(ids: IDKind) async throws {
        let database = try await PrivatePostgres.shared().createSaaSDatabase(ids: ids)
        #expect(try await database.sql("select 1, null, 'a b', ''") == [["1", nil, "a b", ""]])
        #expect(try await database.sql("select id from users").isEmpty)
        #expect(try await database.sql("values (1), (2)") == [["1"], ["2"]])
    }
}
