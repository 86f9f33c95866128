import CustodeCore
import CustodeTesting
import Identity
import Testing

@Suite("service keys")
struct ServiceKeysTests {
    private static let key = "cus_api_some-secret"
    private static let digest = SHA256.hex(Array(key.utf8))

    private func fault(_ file: String) -> String? {
        do throws(ServiceKeys.Fault) {
            _ = try ServiceKeys(file: file)
            return nil
        } catch {
            return error.description
        }
    }

    private func recognise(_ token: String, _ keys: ServiceKeys) -> ServiceKeys.Entry? {
        keys.recognise(token)
    }

    @Test("a key is recognised by the SHA-256 of its whole text, with its grants")
    func recognised() async throws {
        let keys = try ServiceKeys(file: "api:\(Self.digest):delegate,artifacts")
        #expect(recognise(Self.key, keys)?.grants == [.delegate, .artifacts])
        #expect(recognise(Self.key, keys)?.credential == .service(id: "api", grants: [.delegate, .artifacts]))
    }

    @Test(
        "any other text is nobody's key",
        arguments: [
            "", "cus_", "cus_api", "cus_api_", "cus__some-secret", "cus_api_some-secreT", "cus_api_some-secret ",
            " cus_api_some-secret", "CUS_api_some-secret", "cus_API_some-secret", "cus_other_some-secret",
            "api_some-secret", "some-secret", "cus_api_some-secret_", "cus_api__some-secret", "cus_api_some_secret",
            "cus_api_some-secret\0", "cus_ap\u{69}\u{301}_some-secret",
        ])
    func notRecognised(token: String) throws {
        let keys = try ServiceKeys(file: "api:\(Self.digest):delegate")
        #expect(recognise(token, keys) == nil)
    }

    @Test("the digest in the file is no key")
    func digestIsNoKey() throws {
        let keys = try ServiceKeys(file: "api:\(Self.digest):delegate")
        #expect(recognise(Self.digest, keys) == nil)
        #expect(recognise("cus_api_\(Self.digest)", keys) == nil)
    }

    @Test("a secret may hold _: the id ends at the first one")
    func underscoreInSecret() throws {
        let key = "cus_api_a_b__c_"
        let keys = try ServiceKeys(file: "api:\(SHA256.hex(Array(key.utf8))):artifacts")
        #expect(recognise(key, keys)?.id == "api")
    }

    @Test("a token of 10 MB is refused")
    func hugeToken() throws {
        let key = "cus_api_" + String(repeating: "x", count: 10_000_000)
        let keys = try ServiceKeys(file: "api:\(Self.digest):delegate")
        #expect(recognise(key, keys) == nil)
    }

    @Test("comments, empty lines, spaces and the line ends of any system are read over")
    func layout() throws {
        let other = SHA256.hex(Array("cus_worker_x".utf8))
        for end in ["\n", "\r\n", "\r"] {
            let lines = [
                "# keys", "", "api:\(Self.digest):delegate", "  # more", "\t",
                " worker : \(other.uppercased()) : artifacts ",
            ]
            let keys = try ServiceKeys(file: lines.joined(separator: end) + end)
            #expect(keys.count == 2)
            #expect(recognise(Self.key, keys) != nil)
            #expect(recognise("cus_worker_x", keys)?.grants == [.artifacts])
        }
    }

    @Test("an empty file holds no key")
    func empty() throws {
        #expect(try ServiceKeys(file: "").count == 0)
        #expect(try ServiceKeys(file: "# nothing\n\n").count == 0)
    }

    @Test(
        "a malformed line is a fault that names the line",
        arguments: [
            "api", "api:", "api:DIGEST", ":DIGEST:delegate", "api:DIGEST:delegate:more", "api:1234:delegate",
            "api:DIGEST0:delegate", "a_b:DIGEST:delegate", "a/b:DIGEST:delegate", "é:DIGEST:delegate",
            "IDTOOLONG:DIGEST:delegate", "api:DIGESX:delegate", "api;DIGEST;delegate",
        ])
    func malformed(line: String) {
        let line = line.replacing("DIGESX", with: String(Self.digest.dropLast()) + "x").replacing(
            "DIGEST", with: Self.digest
        )
        .replacing("IDTOOLONG", with: String(repeating: "a", count: 65))
        let fault = fault("# first\nok:\(Self.digest):delegate\n\(line)\n")
        #expect(fault?.hasPrefix("line 3: wants id:sha256hex:grant,grant") == true, "\(String(describing: fault))")
    }

    @Test(
        "an unknown grant is a fault that names the known ones",
        arguments: ["admin", "Delegate", "delegate;artifacts", "*"])
    func unknownGrant(grant: String) {
        let fault = fault("api:\(Self.digest):artifacts,\(grant)")
        #expect(fault == "line 1: \(grant) is no grant; there are delegate and artifacts")
    }

    @Test("a key without a grant is a fault, for it could do nothing", arguments: ["", ",", ",,"])
    func noGrant(grants: String) {
        #expect(fault("api:\(Self.digest):\(grants)") != nil)
    }

    @Test("an id that is listed twice is a fault")
    func doubled() {
        let fault = fault("api:\(Self.digest):delegate\napi:\(Self.digest):artifacts")
        #expect(fault == "line 2: the id api is listed twice")
    }

    @Test("a reload replaces all keys, and on a fault the old ones stay")
    func reload() throws {
        let keys = try ServiceKeys(file: "api:\(Self.digest):delegate")
        #expect(throws: ServiceKeys.Fault.self) { try keys.reload(file: "nonsense") }
        #expect(recognise(Self.key, keys) != nil)
        try keys.reload(file: "other:\(Self.digest):delegate")
        #expect(recognise(Self.key, keys) == nil && keys.count == 1)
    }

    @Test("a key that is made is recognised by the line that is made with it")
    func make() throws {
        for grants in [[.delegate], [.artifacts], [.delegate, .artifacts]] as [Set<Grant>] {
            for id in ["api", "Worker-1.eu", String(repeating: "a", count: 64)] {
                let made = try #require(ServiceKeys.make(id: id, grants: grants))
                let entry = recognise(made.key, try ServiceKeys(file: made.line))
                #expect(entry?.id == id && entry?.grants == grants)
                #expect(made.key.hasPrefix("cus_\(id)_") && !made.line.contains(made.key))
                // 32 random bytes.
                #expect(made.key.utf8.count == 4 + id.utf8.count + 1 + 43)
            }
        }
        let keys = try (0..<100).map { _ in try #require(ServiceKeys.make(id: "a", grants: [.delegate])).key }
        #expect(Set(keys).count == 100)
    }

    @Test(
        "no key is made of an id that the file could not hold, or without grants",
        arguments: ["", "a_b", "a:b", "é", "a b", "a\n"])
    func makeRefuses(id: String) {
        #expect(ServiceKeys.make(id: id, grants: [.delegate]) == nil)
        #expect(ServiceKeys.make(id: "good", grants: []) == nil)
        #expect(ServiceKeys.make(id: String(repeating: "a", count: 65), grants: [.delegate]) == nil)
    }
}
