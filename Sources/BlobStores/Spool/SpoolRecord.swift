internal import CustodeCore

/// An entry of a listing as a spool writes it: size, time, the lengths of key and tag, then their bytes.
///
/// Numbers are written in the machine's own way: nothing of a spool outlives the process.
enum SpoolRecord {
    /// How many bytes stand before the key.
    static let headLength = 24

    /// Appends an entry.
    static func write(_ blob: ListedBlob, to bytes: inout [UInt8]) {
        append(blob.facts.size, to: &bytes)
        append(blob.facts.modified.microseconds, to: &bytes)
        append(UInt32(blob.key.utf8.count), to: &bytes)
        append(UInt32(blob.facts.etag.utf8.count), to: &bytes)
        bytes.append(contentsOf: blob.key.utf8)
        bytes.append(contentsOf: blob.facts.etag.utf8)
    }

    /// Reads the entry that bytes begin with, and how many it takes; `nil` if they do not hold all of it.
    static func read(_ bytes: UnsafeRawBufferPointer) -> (blob: ListedBlob, length: Int)? {
        guard bytes.count >= headLength else { return nil }
        let size = bytes.loadUnaligned(as: Int64.self)
        let modified = bytes.loadUnaligned(fromByteOffset: 8, as: Int64.self)
        let keyLength = Int(bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
        let tagLength = Int(bytes.loadUnaligned(fromByteOffset: 20, as: UInt32.self))
        let length = headLength + keyLength + tagLength
        guard bytes.count >= length else { return nil }
        let key = String(decoding: bytes[headLength..<headLength + keyLength], as: UTF8.self)
        let etag = String(decoding: bytes[headLength + keyLength..<length], as: UTF8.self)
        let facts = BlobFacts(etag: etag, size: size, modified: Timestamp(microseconds: modified))
        return (ListedBlob(key: key, facts: facts), length)
    }

    private static func append<Number: FixedWidthInteger>(_ number: Number, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
    }
}
