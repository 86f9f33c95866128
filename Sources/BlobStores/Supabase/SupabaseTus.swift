internal import CustodeCore
internal import Foundation
internal import HTTPFetch
internal import NIOCore

/// An upload by the service's own resumable protocol (tus 1.0.0), from which an object comes with its last byte.
struct SupabaseTus: Sendable {
    private static let version = (name: "tus-resumable", value: "1.0.0")
    private static let root = "/upload/resumable"
    private static let attempts = 6
    /// The service puts the parts together before it answers the last piece.
    private static let completionStall = Duration.seconds(300)

    let store: SupabaseStore
    let target: SupabaseTarget
    let size: Int64
    private let path: String

    /// Begins an upload.
    ///
    /// Should nobody hear its name, one without bytes is left to the service, which gives it up in time.
    /// - Throws: ``BlobStoreError/keyTaken`` if the service says that there is something at the key.
    init(_ target: SupabaseTarget, size: Int64, store: SupabaseStore) async throws(BlobStoreError) {
        self.store = store
        self.target = target
        self.size = size
        var request = SupabaseRequest("POST", Self.root)
        let metadata = [
            ("bucketName", store.configuration.bucket), ("objectName", target.key), ("contentType", target.contentType),
            ("cacheControl", "0"),
            ("metadata", String(decoding: SupabaseJSON.bytes(of: target.metadata), as: UTF8.self)),
        ].map { "\($0.0) \(Data($0.1.utf8).base64EncodedString())" }
        request.headers = [
            Self.version, ("upload-length", String(size)), ("upload-metadata", metadata.joined(separator: ",")),
        ]
        let head: FetchHead
        do throws(SupabaseError) {
            head = try await store.client.head(request)
        } catch {
            throw error.meansTaken ? .keyTaken : store.unavailable(error)
        }
        // What it says of scheme and host is of the proxies before it: only the name counts.
        guard let name = head["location"]?.split(separator: "/").last?.split(separator: "?").first, !name.isEmpty else {
            throw .unavailable("Supabase Storage begins an upload and does not tell its name")
        }
        path = "\(Self.root)/\(name)"
    }

    /// Sends a piece that is not the last; the service has it when this returns.
    ///
    /// - Parameter offset: Where it begins in the whole.
    func send(_ piece: SpooledStretch, at offset: Int64) async throws(BlobStoreError) {
        let range = offset..<offset + piece.size
        var start = offset
        for attempt in 1...Self.attempts {
            let isConflict: Bool
            do throws(SupabaseError) {
                return try await patch(start, piece.body(from: start - offset), stall: .seconds(60))
            } catch {
                // Of the offset, or of the name.
                isConflict = error.status == 409
                guard error.mayBeDone || error.isPassing || isConflict, attempt < Self.attempts else {
                    throw refusal(error)
                }
                try await pause(attempt)
            }
            // What has arrived of it stays; a newer request ends one that the service still reads.
            let arrived = try await arrived(of: range)
            if arrived == range.upperBound { return }
            if isConflict, arrived == start, try await store.look(target.key) != nil {
                throw .unavailable("the key of an upload in pieces was taken while it was under way")
            }
            start = arrived
        }
    }

    /// Sends the last piece, with which the object comes into being, never over another.
    ///
    /// - Throws: ``BlobStoreError/keyTaken``; ``BlobStoreError/unsettled(_:)``.
    func finish(_ piece: SpooledStretch, at offset: Int64) async throws(BlobStoreError) {
        let range = offset..<offset + piece.size
        var start = offset
        var isUncertain = false
        for attempt in 1...Self.attempts {
            do throws(SupabaseError) {
                try await patch(start, piece.body(from: start - offset), stall: Self.completionStall)
                return try await confirm()
            } catch {
                let isGone = [404, 410].contains(error.status)
                let mayBeDone = error.mayBeDone || isGone || error.status == 409
                guard mayBeDone || error.isPassing else {
                    throw isUncertain ? .unsettled(error.message) : refusal(error)
                }
                isUncertain = isUncertain || error.mayBeDone
                if mayBeDone || isUncertain, try await store.isPublished(target, size: size) { return }
                // An upload that is gone, and its object is not there: it was given up.
                guard attempt < Self.attempts, !isGone else {
                    throw isUncertain ? .unsettled(error.message) : refusal(error)
                }
                if error.code == SupabaseError.cancelled {
                    throw .unsettled("the uploader gave up while it was published")
                }
                do throws(BlobStoreError) {
                    try await pause(attempt)
                } catch {
                    throw isUncertain ? .unsettled("given up while it was published") : error
                }
            }
            do throws(BlobStoreError) {
                start = try await arrived(of: range)
            } catch {
                guard isUncertain else { throw error }
                if try await store.isPublished(target, size: size) { return }
                throw .unsettled("\(error)")
            }
        }
        throw .unsettled("Supabase Storage did not say whether an object was made")
    }

    /// Looks at what came of it: the service is known to create a name twice, if it is asked at the same moment.
    private func confirm() async throws(SupabaseError) {
        // Once more by name: only what is found there may be told as stored.
        let found: Bool
        do throws(BlobStoreError) {
            found = try await store.isPublished(target, size: size)
        } catch {
            throw SupabaseError(
                status: nil, code: "NotThere", message: "\(error)", mayBeDone: true, isPassing: true)
        }
        guard found else {
            throw SupabaseError(
                status: nil, code: "NotThere", message: "an upload ended without an object", mayBeDone: true,
                isPassing: true)
        }
    }

    /// Gives it up; `nil` or why that failed.
    @discardableResult
    func discard() async -> BlobStoreError? {
        var request = SupabaseRequest("DELETE", path)
        // The service asks whether the name may be written here too, and else keeps what is for a name that is taken.
        request.headers = [Self.version, ("x-upsert", "true")]
        let ready = request
        let result = await uninterrupted {
            await Result.of { () throws(SupabaseError) in try await store.client.head(ready) }
        }
        guard case .failure(let error) = result, ![404, 410].contains(error.status) else { return nil }
        return store.unavailable(error)
    }

    private func patch(
        _ offset: Int64, _ body: FetchRequestBody, stall: Duration
    ) async throws(SupabaseError) {
        var request = SupabaseRequest("PATCH", path)
        request.headers = [
            Self.version, ("content-type", "application/offset+octet-stream"), ("upload-offset", String(offset)),
        ]
        request.body = body
        // How much has arrived is asked first; what libcurl sends again by itself the service refuses by its offset.
        request.isRepeatable = false
        request.stall = stall
        let head = try await store.client.head(request)
        guard head["upload-offset"].flatMap({ Int64($0) }) == offset + body.count else {
            throw SupabaseError(
                status: head.status, code: "Offset", message: "an upload's offset is not behind what was sent",
                mayBeDone: true, isPassing: true)
        }
    }

    /// How far a piece has arrived.
    ///
    /// - Throws: ``BlobStoreError/unavailable(_:)`` if what lies before it is gone, or more is there than was sent.
    private func arrived(of range: Range<Int64>) async throws(BlobStoreError) -> Int64 {
        let arrived = try await arrived()
        guard range.contains(arrived) || arrived == range.upperBound else {
            throw .unavailable("Supabase Storage has another number of bytes of an upload than it was sent")
        }
        return arrived
    }

    private func arrived() async throws(BlobStoreError) -> Int64 {
        var request = SupabaseRequest("HEAD", path)
        request.headers = [Self.version]
        do throws(SupabaseError) {
            let head = try await store.client.head(request)
            guard let offset = head["upload-offset"].flatMap({ Int64($0) }) else {
                throw SupabaseError(
                    status: head.status, code: "MalformedReply", message: "an upload without an offset",
                    mayBeDone: false, isPassing: false)
            }
            return offset
        } catch {
            throw refusal(error)
        }
    }

    private func refusal(_ error: SupabaseError) -> BlobStoreError {
        switch error.status {
        case 404, 410: .unavailable("Supabase Storage gave up an upload before its end")
        default: store.unavailable(error)
        }
    }

    private func pause(_ attempt: Int) async throws(BlobStoreError) {
        do {
            try await store.retries.pause(.milliseconds(100 << attempt))
        } catch _ {
            throw .cancelled
        }
    }
}
