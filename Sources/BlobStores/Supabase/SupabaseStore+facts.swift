public import CustodeCore
internal import HTTPFetch

/// What the service tells of an object.
struct SupabaseFound: Sendable {
    /// The tag without its quotes.
    let etag: String
    let size: Int64
    let modified: Timestamp
    let contentType: String?
    /// Whose upload it is, if it is one of ours.
    let nonce: String?

    init?(_ info: SupabaseJSON.Info) {
        guard let etag = info.etag, let size = info.size,
            let modified = (info.last_modified ?? info.created_at).flatMap(SupabaseJSON.moment)
        else { return nil }
        self.etag = Self.bare(etag)
        self.size = size
        self.modified = modified
        contentType = info.content_type
        nonce = info.metadata?[SupabaseTarget.nonceField]?.text
    }

    var facts: BlobFacts { BlobFacts(etag: etag, size: size, modified: modified) }

    /// Whether the tag is a digest of the bytes, so that a copy has the same: not that of an object that came in parts.
    static func tellsBytes(_ etag: String) -> Bool { !etag.contains("-") }

    /// A tag without what marks it as one in a header.
    static func bare(_ etag: String) -> String { S3Found.bare(etag.hasPrefix("W/") ? String(etag.dropFirst(2)) : etag) }
}

extension SupabaseStore {
    /// What is known of an object now; `nil` if the bucket is there and the object is not.
    func find(_ key: String) async throws(BlobStoreError) -> SupabaseFound? {
        guard let found = try await look(key) else {
            // Whether it is the object that is missing, or the bucket, is not always told.
            try await bucket()
            return nil
        }
        return found
    }

    /// What is known of an object now; `nil` if it, or the bucket, is not there.
    func look(_ key: String) async throws(BlobStoreError) -> SupabaseFound? {
        guard Self.isAddressable(key) else { return nil }
        let info: SupabaseJSON.Info
        do throws(SupabaseError) {
            // Not by HEAD, whose refusals have no body to say what they mean.
            info = try await client.document(
                SupabaseRequest("GET", path("info/authenticated", key)), SupabaseJSON.Info.self)
        } catch {
            // A name that cannot be one is nobody's.
            if error.meansAbsent || error.isInvalidKey { return nil }
            throw refusal(error)
        }
        guard let found = SupabaseFound(info) else {
            throw .unavailable("Supabase Storage tells neither size nor tag nor date of an object")
        }
        return found
    }

    /// What is known of objects now, in the order of the keys; `nil` where there is none.
    public func facts(of keys: [String]) async throws(BlobStoreError) -> [BlobFacts?] {
        let found = try await Crowd.find(keys) { key throws(BlobStoreError) in try await self.look(key) }
        // Whether it is objects that are missing, or the bucket.
        if found.contains(where: { $0 == nil }) { try await bucket() }
        return found.map { $0?.facts }
    }

    /// Whether a key arrives as it is: dots between slashes are steps to gateways, which lead to another object or bucket.
    static func isAddressable(_ key: String) -> Bool {
        !key.isEmpty
            && !key.utf8.split(separator: UInt8(ascii: "/")).contains {
                $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8)
            }
    }

    /// What the service tells of the bucket; asked also to hear why something else failed.
    @discardableResult
    func bucket() async throws(BlobStoreError) -> SupabaseJSON.Bucket {
        do throws(SupabaseError) {
            return try await client.document(SupabaseRequest("GET", "/bucket/\(bucketName)"), SupabaseJSON.Bucket.self)
        } catch {
            throw unavailable(error)
        }
    }
}
