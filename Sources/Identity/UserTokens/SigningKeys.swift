internal import CustodeCore
internal import FoundationEssentials
internal import JWTKit

/// The keys of an issuer as one fetch found them (RFC 7517): never added to, only replaced.
struct SigningKeys: Sendable {
    /// More than any issuer has.
    private static let most = 100
    /// A larger modulus, in base64url, makes each verification dear.
    private static let longestModulus = 1_400

    private let keys: [String: SigningKey]

    /// How many there are that RS256 can be verified by.
    var count: Int { keys.count }

    subscript(keyID: String) -> SigningKey? { keys[keyID] }

    /// Reads a key set; keys of other kinds and for other uses are passed over.
    ///
    /// - Throws: ``KeySetFault`` if it is none.
    init(document: [UInt8]) async throws(KeySetFault) {
        guard let found = try? JSONDecoder().decode(Document.self, from: Data(document)).keys else {
            throw KeySetFault("it is no JSON Web Key Set")
        }
        guard found.count <= Self.most else { throw KeySetFault("it holds more than \(Self.most) keys") }
        var keys: [String: SigningKey] = [:]
        var doubled: Set<String> = []
        for key in found.compactMap(\.key) where key.isForRS256 {
            guard let id = key.kid, !id.isEmpty, let modulus = key.n, let exponent = key.e,
                modulus.utf8.count <= Self.longestModulus,
                let made = await SigningKey(modulus: modulus, exponent: exponent)
            else { continue }
            if keys.updateValue(made, forKey: id) != nil { doubled.insert(id) }
        }
        // Which of two keys an id means cannot be told.
        self.keys = keys.filter { !doubled.contains($0.key) }
    }

    private struct Document: Decodable {
        let keys: [Entry]
    }

    /// A key, or whatever stands in its place.
    private struct Entry: Decodable {
        let key: Key?

        init(from decoder: any Decoder) throws { key = try? Key(from: decoder) }
    }

    private struct Key: Decodable {
        let kty: String
        let kid: String?
        let use: String?
        let alg: String?
        let n: String?
        let e: String?

        var isForRS256: Bool { kty == "RSA" && (use ?? "sig") == "sig" && (alg ?? "RS256") == "RS256" }
    }
}

/// What is wrong with a key set that was fetched.
struct KeySetFault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// One public key, in a collection of its own: a collection of several falls back to its first for an unknown id.
struct SigningKey: Sendable, Equatable {
    private let modulus: String
    private let exponent: String
    private let collection: JWTKeyCollection

    /// - Returns: `nil` if it is no RSA key of at least 2,048 bits (RFC 7518 §3.3).
    init?(modulus: String, exponent: String) async {
        guard let key = try? Insecure.RSA.PublicKey(modulus: modulus, exponent: exponent) else { return nil }
        self.modulus = modulus
        self.exponent = exponent
        collection = JWTKeyCollection()
        await collection.add(rsa: key, digestAlgorithm: .sha256)
    }

    static func == (one: SigningKey, other: SigningKey) -> Bool {
        one.modulus == other.modulus && one.exponent == other.exponent
    }

    /// What a token says, if its signature is by this key; `nil` otherwise.
    func verify(_ token: String) async -> TokenClaims? {
        try? await collection.verify(token, as: TokenClaims.self)
    }
}
