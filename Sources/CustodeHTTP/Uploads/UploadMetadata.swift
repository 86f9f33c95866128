internal import CustodeCore

/// The `Upload-Metadata` field of tus: keys, each with a value in base64 or none.
struct UploadMetadata {
    /// The values; empty for a key without one.
    private let values: [String: [UInt8]]

    /// Reads the field.
    ///
    /// - Throws: `badRequest` for a key that is empty or given twice, and for a value that is not base64.
    init(_ field: String) throws(Refusal) {
        var values: [String: [UInt8]] = [:]
        let text = field.utf8.drop { $0 == 0x20 }
        guard !text.isEmpty else {
            self.values = [:]
            return
        }
        for item in field.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: " ", omittingEmptySubsequences: true)
            // A space where a key should be, and a value behind it.
            let hasNoKey = item.hasPrefix(" ") && parts.count == 1
            guard let key = parts.first.map(String.init), parts.count <= 2, !hasNoKey else {
                throw .badRequest("Upload-Metadata must be keys, each with a value in base64, separated by commas.")
            }
            guard key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw .badRequest("A key of Upload-Metadata holds something else than visible ASCII.")
            }
            guard let value = parts.count == 2 ? Base64.decode(parts[1].utf8) : [] else {
                throw .badRequest("The value of \(key) in Upload-Metadata is not base64.")
            }
            guard values.updateValue(value, forKey: key) == nil else {
                throw .badRequest("\(key) is given twice in Upload-Metadata.")
            }
        }
        self.values = values
    }

    /// The text of a key; `nil` if it is absent or empty.
    ///
    /// - Throws: `badRequest` if it is not UTF-8.
    func text(_ key: String) throws(Refusal) -> String? {
        guard let value = values[key], !value.isEmpty else { return nil }
        guard let text = String(validating: value, as: UTF8.self) else {
            throw .badRequest("The value of \(key) in Upload-Metadata is not UTF-8.")
        }
        return text
    }
}
