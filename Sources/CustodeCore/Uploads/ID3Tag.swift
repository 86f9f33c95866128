/// The header of an ID3v2 tag, which says how far the sound behind it lies.
struct ID3Tag: Sendable, Equatable {
    /// How many bytes the header takes.
    static let headerLength = 10

    /// The length of the whole tag in bytes: header, frames, and the footer if there is one.
    let length: Int

    /// Reads the header at the start of these bytes; `nil` when there is none that is well-formed.
    init?(_ bytes: [UInt8]) {
        // Text that begins with "ID3" has no control characters for a version.
        guard bytes.count >= Self.headerLength, bytes[0..<3].elementsEqual("ID3".utf8),
            (2...4).contains(bytes[3]), bytes[4] != 0xFF, bytes[5] & 0x0F == 0,
            bytes[6..<10].allSatisfy({ $0 < 0x80 })
        else { return nil }
        let size = bytes[6..<10].reduce(0) { $0 << 7 | Int($1) }
        let hasFooter = bytes[3] == 4 && bytes[5] & 0x10 != 0
        length = Self.headerLength + size + (hasFooter ? Self.headerLength : 0)
    }
}
