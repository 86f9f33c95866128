extension ObjectKey {
    /// Reads a key back, accepting exactly what the other initializer writes.
    ///
    /// A key that is spelled in any other way, however close, is not ours: `nil`.
    public init?(parsing text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "users", parts[2] == "jobs",
            let userText = Self.decode(parts[1]), let user = UserID(userText),
            let jobText = Self.decode(parts[3]), let job = JobID(jobText)
        else { return nil }
        let name = parts[5].split(separator: ".", omittingEmptySubsequences: false)
        guard name.count == 2 || name.count == 3, let fileExtension = name.last,
            Self.isExtension(fileExtension)
        else { return nil }
        let object: ObjectName
        switch (parts[4], name[0]) {
        case ("input", "original"):
            object = .input
        case ("output", let kind):
            guard let artifact = ObjectName(String(kind)), !artifact.isInput else { return nil }
            object = artifact
        default:
            return nil
        }
        let suffix = name.count == 3 ? String(name[1]) : nil
        if let suffix, !Self.isSuffix(suffix) { return nil }
        guard
            let key = try? ObjectKey(
                user: user, job: job, object: object, suffix: suffix, extension: String(fileExtension)),
            key.text.utf8.elementsEqual(text.utf8)
        else { return nil }
        self = key
    }

    /// Undoes ``encode(_:)``; `nil` for text that it would not have written.
    static func decode(_ component: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = component.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == 0x3D else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        guard let text = String(validating: bytes, as: UTF8.self),
            encode(text).utf8.elementsEqual(component.utf8)
        else { return nil }
        return text
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }

    private static func isExtension(_ text: Substring) -> Bool {
        (1...8).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
    }

    private static func isSuffix(_ text: String) -> Bool {
        text.utf8.count == suffixLength
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x32...0x37).contains($0) }
    }
}
