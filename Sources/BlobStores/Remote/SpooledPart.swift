internal import Cryptography
internal import CustodeCore
internal import HTTPFetch
internal import NIOCore

/// A part of an upload: in an unnamed file, or in memory if it is the first and small; hashed as it comes.
///
/// `@unchecked Sendable`: it has one owner at a time. The drain of the upload fills it and ends it; the mutex of the spool hands
/// it to the one task that sends it and then lets go of its file.
final class SpooledPart: @unchecked Sendable {
    /// How many bytes of a first part stay in memory.
    static let small = 128 * 1_024

    let number: Int
    private(set) var size: Int64 = 0
    private(set) var hash = ""
    /// The state of the hash of the whole behind it.
    private(set) var hashBehind: [UInt8] = []
    private var memory = ByteBuffer()
    private var file: SpoolFile?
    private var hasher: SHA256?

    private let isFirst: Bool

    /// - Parameters:
    ///   - hashes: Whether it needs a hash of its own, as all but the first of an object do.
    ///   - isFirst: Whether it is the first that comes, and may be small.
    init(number: Int, hashes: Bool, isFirst: Bool = true) {
        self.number = number
        self.isFirst = isFirst
        hasher = hashes ? SHA256() : nil
    }

    /// Takes further bytes.
    ///
    /// - Parameter makeFile: Called once there are more than memory should hold.
    func append(_ bytes: ByteBuffer, _ makeFile: () throws(BlobStoreError) -> SpoolFile) throws(BlobStoreError) {
        bytes.withUnsafeReadableBytes { hasher?.update($0) }
        let offset = size
        size += Int64(bytes.readableBytes)
        if file == nil {
            guard !isFirst || size > Self.small else {
                memory.writeImmutableBuffer(bytes)
                return
            }
            let made = try makeFile()
            if memory.readableBytes > 0 { try made.write(memory, at: 0) }
            memory = ByteBuffer()
            file = made
        }
        try file?.write(bytes, at: Int(offset))
    }

    /// Ends it.
    ///
    /// - Parameters:
    ///   - hash: Its SHA-256, where it has no hasher of its own.
    ///   - behind: The state of the hash of the whole.
    func finish(_ hash: @autoclosure () -> [UInt8], then behind: [UInt8] = []) {
        self.hash = Hex.encode(hasher.take()?.finalize() ?? hash())
        hashBehind = behind
    }

    /// Adds the bytes of another behind its own.
    func append(
        contentsOf other: SpooledPart, _ makeFile: () throws(BlobStoreError) -> SpoolFile
    ) throws(BlobStoreError) {
        guard let file = other.file else { return try append(other.memory, makeFile) }
        var offset = 0
        while offset < Int(other.size) {
            var buffer = ByteBuffer()
            let wanted = min(1_048_576, Int(other.size) - offset)
            var failure: BlobStoreError?
            let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { space in
                do throws(BlobStoreError) {
                    return try file.read(UnsafeMutableRawBufferPointer(rebasing: space.prefix(wanted)), at: offset)
                } catch {
                    failure = error
                    return 0
                }
            }
            if let failure { throw failure }
            guard count > 0 else { throw .unavailable("a temporary file is shorter than what was written to it") }
            try append(buffer, makeFile)
            offset += count
        }
    }

    /// A stretch of it to send.
    func body(from offset: Int64, count: Int64) -> FetchRequestBody {
        guard count > 0 else { return .none }
        if let file { return .file(descriptor: file.descriptor, offset: offset, count: count, owner: file) }
        return memory.getSlice(at: memory.readerIndex + Int(offset), length: Int(count)).map { .bytes($0) } ?? .none
    }

    /// What to send.
    var body: FetchRequestBody {
        if let file {
            return .file(descriptor: file.descriptor, offset: 0, count: size, owner: file)
        }
        return size == 0 ? .none : .bytes(memory)
    }

    /// Gives its file back, for the next part.
    func release() -> SpoolFile? {
        memory = ByteBuffer()
        return file.take()
    }
}

/// Bytes of a part that are sent together.
struct SpooledStretch: Sendable {
    let size: Int64
    private let part: SpooledPart
    private let start: Int64

    /// All of a part.
    init(_ part: SpooledPart) { self.init(part, from: 0, count: part.size) }

    /// Some of a part.
    init(_ part: SpooledPart, from start: Int64, count: Int64) {
        self.part = part
        self.start = start
        size = count
    }

    /// What to send, of what begins so far behind its beginning.
    func body(from offset: Int64) -> FetchRequestBody { part.body(from: start + offset, count: size - offset) }
}
