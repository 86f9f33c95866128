internal import CLinux
public import CustodeCore
internal import Glibc
internal import NIOCore

extension DirectoryStore {
    private static let markerFolder = ".custode"
    private static let markerName = "identity.json"
    private static let largestMarker = 65_536

    /// The file `.custode/identity.json`, which tells whose bucket this is; `nil` if there is none.
    public func marker() async throws(BlobStoreError) -> [UInt8]? {
        let blob: any OpenBlob
        do throws(BlobStoreError) {
            blob = try await open("\(Self.markerFolder)/\(Self.markerName)", reading: nil)
        } catch .absent {
            // A link in its place, or a folder, is there and no marker: as empty as one.
            return try await threads.perform { () throws(BlobStoreError) in try self.hasSomethingForMarker() ? [] : nil
            }
        }
        guard blob.size <= Self.largestMarker else { throw .unavailable("the bucket's marker is too large to be one") }
        guard blob.size > 0 else { return [] }
        do {
            var bytes: [UInt8] = []
            for try await piece in blob.read(ByteRange(first: 0, last: blob.size - 1)) {
                bytes += piece.readableBytesView
            }
            return bytes
        } catch {
            throw error as? BlobStoreError ?? .unavailable("cannot read the bucket's marker: \(error)")
        }
    }

    private func hasSomethingForMarker() throws(BlobStoreError) -> Bool {
        guard let folder = try Descriptor.place(Self.markerFolder, in: root, flags: O_DIRECTORY) else { return false }
        var facts = stat()
        return fstatat(folder.number, Self.markerName, &facts, AT_SYMLINK_NOFOLLOW) == 0
    }

    /// Writes the file `.custode/identity.json`, in the place of one before, at once and durably.
    public func setMarker(_ bytes: [UInt8]) async throws(BlobStoreError) {
        try await threads.perform { () throws(BlobStoreError) in try self.writeMarker(bytes) }
    }

    private func writeMarker(_ bytes: [UInt8]) throws(BlobStoreError) {
        let file = ReceivedFile(try unnamedFile())
        if let failure = file.write(ByteBuffer(bytes: bytes)) { throw failure }
        _ = try file.seal()
        let folder = try directories.open(Self.markerFolder)
        defer { folder.close() }
        // A name of its own until it takes the marker's, which alone a rename can replace.
        let name = "\(Self.markerName).\(UInt64.random(in: .min ... .max))"
        try file.link(as: name, in: folder.descriptor)
        guard renameat(folder.descriptor, name, folder.descriptor, Self.markerName) == 0 else {
            let failure = BlobStoreError.system("replace the bucket's marker")
            _ = unlinkat(folder.descriptor, name, 0)
            throw failure
        }
        try directories.sync(folder)
    }
}
