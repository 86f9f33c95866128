extension LinkClaims {
    static let version: UInt8 = 1
    /// Where the operation stands, which must be read before the tag can be checked.
    static let operationOffset = 3
    /// The shortest and longest claims there are, without the tag.
    static let encodedLengths = 24...512

    private enum JobForm {
        static let text: UInt8 = 0
        static let uuid: UInt8 = 1
        static let integer: UInt8 = 2
    }

    private enum Flags {
        static let once: UInt8 = 1
        static let maximumBytes: UInt8 = 2
        static let all = once | maximumBytes
    }

    // Frequent names take one byte; the numbers are part of the format and never change.
    private static let wellKnownObjects = ["input", "transcript", "translation", "srt", "json"]
    private static let namedObject: UInt8 = 255

    /// Version, key, operation, expiry, job, object, disposition, epoch, owner, nonce, extras.
    func encoded(key: UInt16) -> [UInt8] {
        var bytes: [UInt8] = [Self.version]
        bytes.reserveCapacity(64)
        bytes.appendInteger(key)
        bytes.append(operation.rawValue)
        bytes.appendInteger(expires)
        Self.append(job, to: &bytes)
        if let code = Self.wellKnownObjects.firstIndex(of: object.text) {
            bytes.append(UInt8(code))
        } else {
            bytes += [Self.namedObject, UInt8(object.text.utf8.count)]
            bytes += object.text.utf8
        }
        bytes.append(disposition.rawValue)
        bytes.appendInteger(epoch)
        bytes.appendInteger(owner)
        bytes += nonce
        bytes.append((once ? Flags.once : 0) | (maximumBytes == nil ? 0 : Flags.maximumBytes))
        if let maximumBytes { bytes.appendInteger(UInt64(bitPattern: maximumBytes)) }
        return bytes
    }

    /// Reads what ``encoded(key:)`` wrote; `nil` for anything else.
    init?(encoded bytes: ArraySlice<UInt8>) {
        var rest = bytes
        guard rest.popFirst() == Self.version, rest.popInteger(UInt16.self) != nil,
            let operation = rest.popFirst().flatMap(LinkOperation.init(rawValue:)),
            let expires = rest.popInteger(UInt32.self),
            let job = Self.popJob(&rest), let object = Self.popObject(&rest),
            let disposition = rest.popFirst().flatMap(Disposition.init(rawValue:)),
            let epoch = rest.popInteger(UInt32.self),
            let owner = rest.popInteger(UInt32.self),
            let nonce = rest.pop(Self.nonceLength),
            let flags = rest.popFirst(), flags & ~Flags.all == 0
        else { return nil }
        var maximumBytes: Int64?
        if flags & Flags.maximumBytes != 0 {
            guard let limit = rest.popInteger(UInt64.self), limit <= UInt64(Int64.max) else { return nil }
            maximumBytes = Int64(limit)
        }
        guard rest.isEmpty else { return nil }
        self.init(
            operation: operation, expires: expires, job: job, object: object, disposition: disposition,
            epoch: epoch, owner: owner, nonce: nonce, once: flags & Flags.once != 0, maximumBytes: maximumBytes)
    }

    private static func append(_ job: JobID, to bytes: inout [UInt8]) {
        if let uuid = uuidBytes(job.text) {
            bytes.append(JobForm.uuid)
            bytes += uuid
        } else if let number = Int64(job.text), String(number) == job.text {
            bytes.append(JobForm.integer)
            bytes.appendInteger(UInt64(bitPattern: number))
        } else {
            bytes.append(JobForm.text)
            bytes.appendInteger(UInt16(truncatingIfNeeded: job.text.utf8.count))
            bytes += job.text.utf8
        }
    }

    private static func popJob(_ rest: inout ArraySlice<UInt8>) -> JobID? {
        switch rest.popFirst() {
        case JobForm.uuid:
            guard let bytes = rest.pop(16) else { return nil }
            var text = Hex.encode(bytes)[...]
            var groups: [Substring] = []
            for length in [8, 4, 4, 4, 12] {
                groups.append(text.prefix(length))
                text = text.dropFirst(length)
            }
            return JobID(groups.joined(separator: "-"))
        case JobForm.integer:
            guard let number = rest.popInteger(UInt64.self) else { return nil }
            return JobID(String(Int64(bitPattern: number)))
        case JobForm.text:
            guard let length = rest.popInteger(UInt16.self), let bytes = rest.pop(Int(length)),
                let text = String(validating: bytes, as: UTF8.self)
            else { return nil }
            return JobID(text)
        default:
            return nil
        }
    }

    private static func popObject(_ rest: inout ArraySlice<UInt8>) -> ObjectName? {
        guard let code = rest.popFirst() else { return nil }
        if code == namedObject {
            guard let length = rest.popFirst(), let bytes = rest.pop(Int(length)) else { return nil }
            return String(validating: bytes, as: UTF8.self).flatMap(ObjectName.init)
        }
        return Int(code) < wellKnownObjects.count ? ObjectName(wellKnownObjects[Int(code)]) : nil
    }

    /// The 16 bytes of a UUID in its canonical lower-case spelling; `nil` for any other text.
    private static func uuidBytes(_ text: String) -> [UInt8]? {
        let utf8 = Array(text.utf8)
        guard utf8.count == 36, [8, 13, 18, 23].allSatisfy({ utf8[$0] == 0x2D }) else { return nil }
        return Hex.decode(Array(utf8[..<8] + utf8[9..<13] + utf8[14..<18] + utf8[19..<23] + utf8[24...]))
    }
}

extension [UInt8] {
    /// Appends an integer, most significant byte first.
    mutating func appendInteger(_ value: some FixedWidthInteger & UnsignedInteger) {
        for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}

extension ArraySlice<UInt8> {
    /// Takes so many bytes from the front; `nil`, taking none, if there are fewer.
    mutating func pop(_ length: Int) -> [UInt8]? {
        guard count >= length else { return nil }
        defer { removeFirst(length) }
        return Array(prefix(length))
    }

    /// Takes an integer from the front, most significant byte first.
    mutating func popInteger<T: FixedWidthInteger & UnsignedInteger>(_: T.Type) -> T? {
        pop(T.bitWidth / 8)?.reduce(T.zero) { $0 << 8 | T($1) }
    }
}
