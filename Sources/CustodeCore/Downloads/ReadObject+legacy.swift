internal import NIOCore

extension ReadObject {
    /// How much of an object from before is looked at to tell what it is.
    private static let enough: Int64 = 64 * 1_024

    /// Reads what a job refers to by a name from before, if that is a key of this bucket.
    ///
    /// Nobody recorded what it is: its first bytes say so, as they would of an upload. What the policy would not take
    /// is served as bytes without a type, which no browser runs.
    func legacyReply(
        _ reference: String, of found: JobObject, _ name: ObjectName, _ request: Request
    ) async throws -> Reply {
        guard let key = LegacyKey(reference, of: found.job, owner: found.owner) else { throw Refusal.bytesMissing }
        let blob: any OpenBlob
        do {
            blob = try await store.open(key.text, reading: nil)
        } catch BlobStoreError.absent {
            throw Refusal.bytesMissing
        }
        guard let facts = blob.facts else { throw Refusal.bytesMissing }
        let object = ReadableObject(
            object: name, key: key.text, contentType: try await type(of: blob, name, found.type), size: facts.size,
            etag: Self.tag(facts), filename: LegacyKey.filename(of: key.text), modified: facts.modified)
        return try await reply(object, request) { _ in blob }
    }

    private func type(of blob: any OpenBlob, _ name: ObjectName, _ job: JobType) async throws -> String {
        let unknown = "application/octet-stream"
        guard blob.size > 0, let rule = policy.limits(for: name, of: job) else { return unknown }
        var judgement = TypeJudgement(name, rule, claim: nil, sniffer: sniffer)
        do {
            for try await piece in blob.read(ByteRange(first: 0, last: min(blob.size, Self.enough) - 1)) {
                _ = try await judgement.take(piece)
            }
            if blob.size <= Self.enough { try await judgement.finish() }
        } catch Refusal.unsupportedType {
            return unknown
        }
        return judgement.contentType
    }

    /// A tag that changes whenever the store's does.
    private static func tag(_ facts: BlobFacts) -> ETag {
        ETag(recorded: "\"legacy-\(ObjectKey.encode(facts.etag.lowercased()))-\(facts.size)\"")
    }
}
