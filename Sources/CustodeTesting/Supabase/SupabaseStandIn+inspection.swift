public import Foundation
import NIOCore

extension SupabaseStandIn {
    /// An object as its row tells it.
    public struct StoredObject: Sendable {
        /// The whole name in its bucket.
        public let name: String
        /// The id of the row, which a move leaves as it is.
        public let id: String
        /// The size in bytes.
        public let size: Int
        /// The declared type.
        public let contentType: String
        /// The stored `Cache-Control`.
        public let cacheControl: String
        /// The user's metadata.
        public let metadata: JSON
        /// The version, new with every write and every move.
        public let version: String
        /// The entity tag with its quotes.
        public let etag: String
        /// When the row came to be.
        public let created: Date
    }

    /// A tus upload that has not become an object yet.
    public struct OpenUpload: Sendable {
        /// The bucket it is for.
        public let bucket: String
        /// The name it is for.
        public let name: String
        /// How many bytes are there.
        public let offset: Int
        /// How many there are to be, if that was told.
        public let length: Int?
    }

    /// What `traceparent` said in the requests that had one, in their order.
    public var traceParents: [String] { core.withState { $0.traceParents } }

    /// Makes a bucket, without a request.
    public func makeBucket(
        _ id: String, isPublic: Bool = false, sizeLimit: Int? = nil, types: [String]? = nil
    ) {
        core.withState { state in
            var bucket = SupabaseBucket(name: id, created: state.now)
            bucket.isPublic = isPublic
            bucket.limit = sizeLimit
            bucket.types = types
            state.buckets[id] = bucket
        }
    }

    /// The objects of a bucket in the order of their names' bytes.
    public func objects(in bucket: String) -> [StoredObject] {
        core.withState { state in
            let keys = state.buckets[bucket]?.keys() ?? []
            return keys.compactMap { key in
                state.buckets[bucket]?[key].map { object in
                    StoredObject(
                        name: key, id: object.id, size: object.size, contentType: object.contentType,
                        cacheControl: object.cacheControl, metadata: object.userMetadata,
                        version: object.version, etag: object.etag, created: object.created)
                }
            }
        }
    }

    /// The bytes of an object, or nil.
    public func bytes(of name: String, in bucket: String) -> [UInt8]? {
        core.withState { $0.buckets[bucket]?[name]?.bytes }.map { [UInt8](buffer: $0) }
    }

    /// Puts an object behind the service's back, over what is there, as old as it is said to be.
    public func put(
        _ name: String, _ bytes: [UInt8], in bucket: String, created: Date? = nil,
        contentType: String = "application/octet-stream", metadata: JSON = .null
    ) {
        let buffer = ByteBuffer(bytes: bytes)
        let etag = SupabaseCore.etag(of: buffer, partSize: core.configuration.partSize)
        core.withState { state in
            let date = created ?? state.now
            state.buckets[bucket]?[name] = nil
            let object = SupabaseObject(
                size: bytes.count, contentType: contentType, cacheControl: "no-cache", etag: etag,
                userMetadata: metadata, created: date, updated: date, bytes: buffer)
            _ = state.put(object, as: name, in: bucket)
        }
    }

    /// Removes an object behind the service's back.
    public func remove(_ name: String, in bucket: String) {
        core.withState { $0.buckets[bucket]?[name] = nil }
    }

    /// Loses the bytes of an object whose row stays.
    public func loseBytes(of name: String, in bucket: String) {
        core.withState { $0.buckets[bucket]?[name]?.bytes = nil }
    }

    /// The tus uploads that are open.
    public var openUploads: [OpenUpload] {
        core.withState { state in
            state.uploads.values.filter { !$0.isComplete }.map {
                OpenUpload(bucket: $0.bucket, name: $0.key, offset: $0.offset, length: $0.length)
            }
        }
    }

    /// The requests so far, refused ones included, in the order in which their heads came.
    public var requests: [Request] {
        core.withState { $0.requests }
    }

    /// How many requests so far have this part in their line.
    public func count(matching part: String) -> Int {
        requests.count { $0.line.contains(part) }
    }

    /// Forgets the requests so far.
    public func forgetRequests() {
        core.withState { $0.requests = [] }
    }
}
