internal import NIOCore

/// Reads published objects and compares them with the checksums that were recorded when they came.
///
/// It reports, and never repairs by deleting.
public struct ScrubBucket: Sendable {
    private static let page = 500

    private let parts: CollectionParts
    private let hashing: any Hashing

    /// A scrubber over the parts of a deployment.
    public init(_ parts: CollectionParts, hashing: any Hashing) {
        self.parts = parts
        self.hashing = hashing
    }

    /// What was found.
    public struct Report: Sendable, Equatable {
        /// Objects read.
        public var checked: Int64 = 0
        /// Objects whose bytes are not those that were recorded.
        public var damaged: Int64 = 0
        /// Objects that something refers to and that are not there.
        public var missing: Int64 = 0
        /// Bytes read.
        public var bytes: Int64 = 0
    }

    /// Something wrong with one object.
    public struct Finding: Sendable, Equatable {
        /// Its key.
        public let key: String
        /// One sentence.
        public let sentence: String
    }

    /// - Parameters:
    ///   - slice: Which objects.
    ///   - rate: The most bytes a second to read.
    ///   - found: Told of each object that is wrong.
    /// - Throws: ``CatalogError``; ``BlobStoreError`` if the store fails in another way than by an object.
    public func callAsFunction(
        _ slice: ObjectSlice = .all, rate: Int64? = nil, found: (Finding) -> Void
    ) async throws -> Report {
        var report = Report()
        var pace = Pace(rate: rate, since: parts.clock.now())
        var last: String?
        while true {
            let records = try await parts.catalog.published(after: last, slice: slice, limit: Self.page)
            for record in records {
                try Task.checkCancellation()
                if let finding = try await check(record, &report, &pace) { found(finding) }
                parts.progress(CollectionProgress(.scrubbing, done: report.checked, bytes: report.bytes))
            }
            guard records.count == Self.page, let end = records.last?.key else { return report }
            last = end
        }
    }

    private func check(_ record: ObjectRecord, _ report: inout Report, _ pace: inout Pace) async throws -> Finding? {
        let blob: any OpenBlob
        do {
            blob = try await parts.store.open(record.key, reading: .whole)
        } catch BlobStoreError.absent {
            // It may have been collected since the page was read.
            guard try await parts.catalog.referenced([record.key]).first == true else { return nil }
            report.missing += 1
            return Finding(key: record.key, sentence: "something refers to it, and it is not there")
        }
        report.checked += 1
        var hash = hashing.begin()
        do {
            if blob.size > 0 {
                for try await piece in blob.read(ByteRange(first: 0, last: blob.size - 1)) {
                    hash.update(piece)
                    report.bytes += Int64(piece.readableBytes)
                    if let rest = pace.rest(Int64(piece.readableBytes), now: parts.clock.now()) {
                        try await parts.pause(rest)
                    }
                }
            }
        } catch let error as BlobStoreError where error != .cancelled {
            report.damaged += 1
            return Finding(key: record.key, sentence: "it cannot be read: \(error)")
        }
        guard blob.size == record.size, hash.finish() == record.sha256 else {
            report.damaged += 1
            return Finding(key: record.key, sentence: "its bytes are not those that were stored")
        }
        return nil
    }
}
