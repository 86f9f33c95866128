internal import CustodeCore
internal import HTTPTypes

/// Reads the fields of both protocols.
enum UploadFields {
    /// A number of bytes; `nil` if the field is absent.
    ///
    /// - Throws: `badRequest` for anything but digits, or if it is given twice.
    static func count(_ fields: HTTPFields, _ name: HTTPField.Name) throws(Refusal) -> Int64? {
        guard let text = try single(fields, name) else { return nil }
        guard let count = digits(text) else {
            throw .badRequest("\(name.canonicalName) must be a number of bytes.")
        }
        return count
    }

    /// The one value of a field; `nil` if it is absent.
    static func single(_ fields: HTTPFields, _ name: HTTPField.Name) throws(Refusal) -> String? {
        let values = fields[values: name]
        guard values.count <= 1 else { throw .badRequest("\(name.canonicalName) is given more than once.") }
        return values.first
    }

    /// A boolean of RFC 9651; `nil` if the field is absent or is none, which is as good as absent (§4.2).
    static func boolean(_ fields: HTTPFields, _ name: HTTPField.Name) -> Bool? {
        let values = fields[values: name]
        guard values.count == 1, let text = values.first else { return nil }
        // Parameters may follow, and mean nothing to us.
        let item = text.utf8.drop { $0 == 0x20 }.prefix { $0 != 0x3B }
        let rest = item.dropFirst(2)
        guard rest.allSatisfy({ $0 == 0x20 }) else { return nil }
        if item.starts(with: "?1".utf8) { return true }
        return item.starts(with: "?0".utf8) ? false : nil
    }

    /// What `Upload-Checksum` says: an algorithm and a value in base64.
    static func checksum(
        _ fields: HTTPFields
    ) throws(Refusal) -> (algorithm: ChecksumAlgorithm, value: [UInt8])? {
        guard let text = try single(fields, .uploadChecksum) else { return nil }
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, let value = Base64.decode(parts[1].utf8) else {
            throw .badRequest("Upload-Checksum must be an algorithm and a value in base64.")
        }
        guard let algorithm = ChecksumAlgorithm(rawValue: String(parts[0])) else {
            let known = ChecksumAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
            throw .badRequest("The algorithm of Upload-Checksum is not known here; take one of \(known).")
        }
        return (algorithm, value)
    }

    private static func digits(_ text: String) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }
}

/// The version of tus that is spoken here.
enum TusVersion {
    static let supported = "1.0.0"
    static let extensions =
        "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation"
}
