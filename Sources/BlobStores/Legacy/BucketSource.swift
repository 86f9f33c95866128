public import CustodeCore

/// The objects of the bucket whose keys begin with something, none of them of quarantine or the bucket's own.
public struct BucketSource: LegacySource {
    /// `prefix:` and what the keys begin with.
    public var name: String { "prefix:\(prefix)" }
    /// A prefix may occur again behind itself, so that two keys answer to one reference.
    public var mayContend: Bool { true }

    private let prefix: String
    private let store: any CollectableStore

    /// - Parameter prefix: What keys begin with; a whole folder, ended by a slash, is listed by itself.
    public init(prefix: String, store: any CollectableStore) {
        self.prefix = prefix
        self.store = store
    }

    /// Lists them in the order of their keys.
    public func files() async throws -> any LegacyListing {
        let folder = prefix.utf8.lastIndex(of: 0x2F).map { String(prefix[...$0]) } ?? ""
        return Listing(
            prefix: prefix,
            blobs: store.list(ListingScope(prefix: folder, excluding: [".trash/", ".custode/"])))
    }

    private struct Listing: LegacyListing {
        let prefix: String
        let blobs: any BlobListing

        func next() async throws -> [LegacyFile]? {
            guard let page = try await blobs.next() else { return nil }
            let files = page.blobs.filter { $0.key.utf8.starts(with: prefix.utf8) }.map { blob in
                LegacyFile(
                    name: blob.key, place: .object(blob.key), spellings: spellings(blob.key), size: blob.facts.size)
            }
            let nameless = (0..<page.unreadable).map { _ in
                LegacyFile(name: "(a name that is no UTF-8)", place: nil)
            }
            return files + nameless
        }

        private func spellings(_ key: String) -> [String] {
            // Below a folder alone is there a path.
            guard prefix.utf8.last == 0x2F, let rest = String(key.utf8.dropFirst(prefix.utf8.count)), !rest.isEmpty
            else { return [key] }
            return [key, rest]
        }
    }
}
