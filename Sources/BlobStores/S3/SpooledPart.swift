internal import Cryptography
internal import CustodeCore
internal import HTTPFetch
internal import NIOCore

/// A part of an upload: in memory while it is small or there is room for it, else in an unnamed file; hashed as it comes.
///
/// Filled in one place at a time, and sent after.
final class SpooledPart: @unchecked Sendable {
    // Unchecked: the drain of the upload fills it, in order; its lock orders that and the sending.

    /// How many bytes stay in memory in any case.
    static let small = 256 * 1_024

    /// What bytes can be kept in, and kept for the next part.
    enum Room {
        case memory(ByteBuffer)
        case file(SpoolFile)
    }

    let number: Int
    private(set) var size: Int64 = 0
    private(set) var hash = ""
    private var start = ByteBuffer()
    private var room: Room?
    private var hasher: SHA256?

    /// - Parameter hashes: Whether it needs a hash of its own, as all but the first do.
    init(number: Int, hashes: Bool) {
        self.number = number
        hasher = hashes ? SHA256() : nil
    }

    /// Takes further bytes.
    ///
    /// - Parameter makeRoom: Called once there are more than memory holds in any case.
    func append(_ bytes: ByteBuffer, _ makeRoom: () throws(BlobStoreError) -> Room) throws(BlobStoreError) {
        bytes.withUnsafeReadableBytes { hasher?.update($0) }
        let offset = size
        size += Int64(bytes.readableBytes)
        if room == nil {
            guard size > Self.small else {
                start.writeImmutableBuffer(bytes)
                return
            }
            room = try makeRoom()
            try write(start, at: 0)
            start = ByteBuffer()
        }
        try write(bytes, at: Int(offset))
    }

    private func write(_ bytes: ByteBuffer, at offset: Int) throws(BlobStoreError) {
        switch room {
        case .memory(var memory):
            // Held once, so that it is filled in its place.
            room = nil
            memory.writeImmutableBuffer(bytes)
            room = .memory(memory)
        case .file(let file): try file.write(bytes, at: offset)
        case nil: break
        }
    }

    /// Ends it.
    ///
    /// - Parameter hash: Its SHA-256, where it has no hasher of its own.
    func finish(_ hash: @autoclosure () -> [UInt8]) { self.hash = Hex.encode(hasher.take()?.finalize() ?? hash()) }

    /// What to send.
    var body: FetchRequestBody {
        switch room {
        case .memory(let memory): .bytes(memory)
        case .file(let file): .file(descriptor: file.descriptor, offset: 0, count: size, owner: file)
        case nil: size == 0 ? .none : .bytes(start)
        }
    }

    /// Gives its room back, for the next part.
    func release() -> Room? {
        start = ByteBuffer()
        return room.take()
    }
}
