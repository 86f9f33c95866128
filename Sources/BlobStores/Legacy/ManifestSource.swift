public import CustodeCore
internal import Glibc
public import NIOPosix

/// A file that says, line by line, which file is which object: CSV (RFC 4180) or JSON lines.
public struct ManifestSource: LegacySource {
    /// `manifest:` and the file's path without symbolic links.
    public let name: String
    /// Two lines may name one object.
    public var mayContend: Bool { true }
    /// The directory of the manifest, from which relative sources are taken.
    public let folder: String

    private let path: String
    private let isJSON: Bool
    private let bucket: any CollectableStore
    private let bucketFolder: String?
    private let threads: NIOThreadPool

    /// A manifest by its path, `.csv` or `.jsonl`.
    ///
    /// - Parameters:
    ///   - bucket: Where sources of the form `bucket:key` lie.
    ///   - bucketFolder: The directory that is the bucket, if it is one: files in it are objects, and have keys.
    /// - Throws: ``LegacySourceFault`` if there is no such file, or it is of neither kind.
    public init(
        path: String, bucket: any CollectableStore, bucketFolder: String? = nil, threads: NIOThreadPool
    ) throws {
        let lower = path.lowercased()
        guard lower.hasSuffix(".csv") || lower.hasSuffix(".jsonl") else {
            throw LegacySourceFault("manifest:\(path): a manifest's name ends in .csv or .jsonl")
        }
        guard let real = FolderWalk.real(path) else {
            throw LegacySourceFault("manifest:\(path): \(String(cString: strerror(errno)))")
        }
        isJSON = lower.hasSuffix(".jsonl")
        self.path = real
        folder = real.utf8.lastIndex(of: 0x2F).map { String(real[..<$0]) } ?? ""
        name = "manifest:\(real)"
        self.bucket = bucket
        self.bucketFolder = bucketFolder.flatMap(FolderWalk.real)
        self.threads = threads
    }

    /// Lists what it names, in its order.
    ///
    /// - Throws: ``LegacySourceFault`` from the listing, with the first lines that are wrong, once all were read.
    public func files() async throws -> any LegacyListing {
        ManifestListing(
            reader: try ManifestReader(path: path, isJSON: isJSON),
            places: ManifestPlaces(folder: folder, bucket: bucketFolder),
            bucket: bucket,
            threads: threads)
    }
}

/// A listing under way.
private final class ManifestListing: LegacyListing {
    private static let pageSize = 2_000

    // A listing is asked for one page at a time, each after the one before has come: whichever thread of the pool reads is
    // the only one, and the wait for it orders them.
    nonisolated(unsafe) private let reader: ManifestReader
    // The same.
    nonisolated(unsafe) private let places: ManifestPlaces
    private let bucket: any CollectableStore
    private let threads: NIOThreadPool

    init(reader: ManifestReader, places: ManifestPlaces, bucket: any CollectableStore, threads: NIOThreadPool) {
        self.reader = reader
        self.places = places
        self.bucket = bucket
        self.threads = threads
    }

    func next() async throws -> [LegacyFile]? {
        let files = try await threads.perform { () throws(BlobStoreError) in
            Result { try self.page() }
        }.get()
        guard let files else { return nil }
        return try await withBucketFacts(files)
    }

    private func page() throws -> [LegacyFile]? {
        var files: [LegacyFile] = []
        while files.count < Self.pageSize, let line = try reader.next() { files.append(places.file(line)) }
        return files.isEmpty ? nil : files
    }

    /// Asks the bucket for the sizes of what lies there.
    private func withBucketFacts(_ files: [LegacyFile]) async throws -> [LegacyFile] {
        let objects = files.indices.filter { if case .object? = files[$0].place { true } else { false } }
        guard !objects.isEmpty else { return files }
        let facts = try await bucket.facts(of: objects.map { files[$0].place?.path ?? "" })
        var files = files
        for (index, facts) in zip(objects, facts) {
            let file = files[index]
            files[index] = LegacyFile(
                name: file.name, place: file.place, size: facts?.size ?? 0, fault: facts == nil ? .missing : nil,
                claim: file.claim)
        }
        return files
    }
}

/// Finds the files that lines name.
final class ManifestPlaces {
    private static let keptFolders = 4_096

    private let folder: String
    private let bucket: String?
    // Paths of folders without symbolic links, by how they were spelled.
    private var folders: [String: String?] = [:]

    init(folder: String, bucket: String?) {
        self.folder = folder
        self.bucket = bucket
    }

    func file(_ line: ManifestLine) -> LegacyFile {
        if let key = line.bucketKey {
            return LegacyFile(name: line.source, place: .object(key), claim: line.claim)
        }
        let path = line.source.utf8.first == 0x2F ? line.source : "\(folder)/\(line.source)"
        guard let slash = path.utf8.lastIndex(of: 0x2F),
            let parent = real(slash == path.startIndex ? "/" : String(path[..<slash]))
        else { return LegacyFile(name: line.source, place: .file(path), fault: .missing, claim: line.claim) }
        let name = String(path.utf8[path.utf8.index(after: slash)...]) ?? ""
        let place = parent == "/" ? "/\(name)" : "\(parent)/\(name)"
        if let bucket, place.utf8.starts(with: "\(bucket)/".utf8) {
            let key = String(Substring(place.utf8.dropFirst(bucket.utf8.count + 1)))
            return LegacyFile(name: line.source, place: .object(key), claim: line.claim)
        }
        var facts = stat()
        let code = lstat(place, &facts) == 0 ? 0 : errno
        let fault: MigrationDecision? =
            switch code {
            case 0: facts.isRegular ? nil : .notAFile
            case ENOENT, ENOTDIR: .missing
            default: .unreadable
            }
        return LegacyFile(
            name: line.source, place: .file(place), size: code == 0 ? Int64(facts.st_size) : 0, fault: fault,
            claim: line.claim)
    }

    private func real(_ path: String) -> String? {
        if let known = folders[path] { return known }
        if folders.count >= Self.keptFolders { folders.removeAll() }
        let found = FolderWalk.real(path)
        folders[path] = .some(found)
        return found
    }
}
