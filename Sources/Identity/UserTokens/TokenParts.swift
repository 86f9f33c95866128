internal import CustodeCore
internal import FoundationEssentials

/// The parts of a signed token (RFC 7515 §3.1), looked at before anything is computed with them.
///
/// Everything a library might be talked into stands in the header, which nobody has vouched for yet (RFC 8725 §3.1).
struct TokenParts {
    /// Longer than any token that fits the header fields of a request.
    private static let longest = 16 * 1_024

    /// Which of the issuer's keys is to verify it.
    let keyID: String
    /// The claims as text: not to be believed before the signature was verified.
    let payload: [UInt8]

    /// - Throws: ``CredentialFault/rejected(reason:advice:)``.
    init(_ token: String) throws(CredentialFault) {
        guard token.utf8.count <= Self.longest else { throw .malformed("too long") }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3 else { throw .malformed("not three parts") }
        guard let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2]), !signature.isEmpty
        else { throw .malformed("base64url") }
        guard JSONMembers.areUnique(in: header) else { throw .malformed("the header is no JSON, or ambiguous") }
        guard let fields = try? JSONDecoder().decode(Fields.self, from: Data(header)) else {
            throw .malformed("the header")
        }
        guard fields.alg == "RS256" else { throw .malformed("alg") }
        // What must be understood and is not (RFC 7515 §4.1.11): none of it is.
        guard !fields.hasCritical else { throw .malformed("crit") }
        guard let keyID = fields.kid, !keyID.isEmpty else { throw .malformed("no kid") }
        guard Self.isAccessToken(fields.typ) else { throw .malformed("typ") }
        self.keyID = keyID
        self.payload = payload
    }

    /// Auth0 says JWT, or at+jwt (RFC 9068 §2.1); other kinds of tokens say what they are.
    private static func isAccessToken(_ type: String?) -> Bool {
        guard let type = type?.lowercased() else { return true }
        return ["jwt", "at+jwt", "application/at+jwt"].contains(type)
    }

    private struct Fields: Decodable {
        let alg: String
        let kid: String?
        let typ: String?
        let hasCritical: Bool

        private enum CodingKeys: String, CodingKey { case alg, kid, typ, crit }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            alg = try container.decode(String.self, forKey: .alg)
            kid = try container.decodeIfPresent(String.self, forKey: .kid)
            typ = try container.decodeIfPresent(String.self, forKey: .typ)
            hasCritical = container.contains(.crit)
        }
    }
}

extension CredentialFault {
    /// Something that no sound token of the issuer's is.
    static func malformed(_ reason: String) -> CredentialFault {
        .rejected(reason: "token: \(reason)", advice: "The credential is not known, or no longer good.")
    }
}
