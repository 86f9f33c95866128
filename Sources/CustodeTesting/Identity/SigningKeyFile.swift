import Foundation

/// An RSA key pair of the tests, in a file: `openssl` signs with it, so that the library under test does not.
public struct SigningKeyFile: Sendable {
    /// How a message is signed.
    public enum Padding: Sendable {
        /// RSASSA-PKCS1-v1_5, as in RS256.
        case pkcs1
        /// RSASSA-PSS, as in PS256.
        case pss
    }

    private let folder: TestFolder
    /// The modulus, big-endian.
    public let modulus: [UInt8]

    /// A new pair.
    public static func make(bits: Int = 2_048) async throws -> SigningKeyFile {
        let folder = try TestFolder()
        try await openssl(["genrsa", "-out", folder.path + "/key.pem", "\(bits)"])
        let text = try await openssl(["rsa", "-in", folder.path + "/key.pem", "-noout", "-modulus"])
        let digits = text.drop { $0 != "=" }.dropFirst().filter(\.isHexDigit)
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap { index in
            let start = digits.index(digits.startIndex, offsetBy: index)
            return UInt8(digits[start...].prefix(2), radix: 16)
        }
        return SigningKeyFile(folder: folder, modulus: bytes)
    }

    /// The public half as a JSON Web Key (RFC 7517), with other members in the place of the usual or beside them.
    public func jwk(_ id: String, _ others: [String: JSON] = [:]) -> JSON {
        let usual: [String: JSON] = [
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": .string(id), "e": "AQAB",
            "n": .string(Base64URLText.encode(modulus)),
        ]
        return .object(usual.merging(others) { $1 })
    }

    /// The public half as PEM, which a forger has too.
    public func publicPEM() async throws -> String {
        try await Self.openssl(["rsa", "-in", folder.path + "/key.pem", "-pubout"])
    }

    /// A signature of a message, with SHA-256.
    public func sign(_ message: [UInt8], _ padding: Padding = .pkcs1) async throws -> [UInt8] {
        let files = try TestFolder()
        defer { files.remove() }
        try Data(message).write(to: URL(filePath: files.path + "/message"))
        let options = padding == .pss ? ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1"] : []
        try await Self.openssl(
            ["dgst", "-sha256", "-sign", folder.path + "/key.pem"] + options + [
                "-out", files.path + "/signature", files.path + "/message",
            ])
        return [UInt8](try Data(contentsOf: URL(filePath: files.path + "/signature")))
    }

    @discardableResult
    private static func openssl(_ arguments: [String]) async throws -> String {
        guard let program = Checkout.tool("openssl") else { throw HarnessError("no openssl") }
        return try await Command.succeed(program, arguments)
    }
}

/// Base64url without padding (RFC 4648 §5), by Foundation.
public enum Base64URLText {
    /// The text of bytes.
    public static func encode(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
