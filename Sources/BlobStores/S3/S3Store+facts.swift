public import CustodeCore
internal import HTTPFetch

/// What a `HEAD` tells of an object.
struct S3Found: Sendable {
    /// The tag as the service writes it, quotes included.
    let etag: String
    let size: Int64
    let modified: Timestamp
    /// The metadata, names without their prefix.
    let metadata: [String: String]
    let contentType: String?
    /// Whether the tag is a digest of the bytes, so that a copy has the same: not that of an object that came in parts, nor of
    /// one encrypted with a key of its own.
    let tagTellsBytes: Bool

    static let metadataPrefix = "x-amz-meta-"

    init?(_ head: FetchHead) {
        guard let etag = head["etag"], let size = head["content-length"].flatMap({ Int64($0) }),
            let modified = head["last-modified"].flatMap({ Timestamp(httpDate: $0) })
        else { return nil }
        self.etag = etag
        self.size = size
        self.modified = modified
        contentType = head["content-type"]
        tagTellsBytes =
            !etag.contains("-") && head["x-amz-server-side-encryption"]?.hasPrefix("aws:kms") != true
            && head["x-amz-server-side-encryption-customer-algorithm"] == nil
        var metadata: [String: String] = [:]
        for (name, value) in head.all where name.hasPrefix(Self.metadataPrefix) {
            metadata[String(name.dropFirst(Self.metadataPrefix.count))] = value
        }
        self.metadata = metadata
    }

    var facts: BlobFacts { BlobFacts(etag: Self.bare(etag), size: size, modified: modified) }

    /// A tag without its quotes: listings and heads of some services disagree on them.
    static func bare(_ etag: String) -> String {
        guard etag.utf8.count >= 2, etag.utf8.first == UInt8(ascii: "\""), etag.utf8.last == UInt8(ascii: "\"") else {
            return etag
        }
        return String(etag.dropFirst().dropLast())
    }
}

extension S3Store {
    /// What is known of an object now; `nil` if the bucket is there and the object is not.
    func find(_ key: String) async throws(BlobStoreError) -> S3Found? {
        guard let found = try await look(key) else {
            // A HEAD does not say whether it is the object that is missing, or the bucket.
            try await bucketHead()
            return nil
        }
        return found
    }

    /// What is known of an object now; `nil` if it, or the bucket, is not there.
    func look(_ key: String) async throws(BlobStoreError) -> S3Found? {
        guard !key.isEmpty else { return nil }
        let head: FetchHead
        do throws(S3Error) {
            head = try await sender.head(S3Request("HEAD", key))
        } catch {
            if error.meansAbsent { return nil }
            // A HEAD's refusal has no body to say why; the same of the bucket has.
            if let status = error.status, (300...499).contains(status) { try await bucketHead() }
            throw refusal(error)
        }
        guard let found = S3Found(head) else {
            throw .unavailable("the bucket's service tells neither size nor tag of an object")
        }
        return found
    }

    /// What is known of objects now, in the order of the keys; `nil` where there is none.
    public func facts(of keys: [String]) async throws(BlobStoreError) -> [BlobFacts?] {
        let found = try await Crowd.find(keys) { key throws(BlobStoreError) in try await self.look(key) }
        // Whether it is objects that are missing, or the bucket.
        if found.contains(where: { $0 == nil }) { try await bucketHead() }
        return found.map { $0?.facts }
    }
}
