import Foundation
import NIOCore

extension SupabaseError {
    static func tus(_ status: Int, _ message: String) -> SupabaseError {
        SupabaseError(status, "TusError", message)
    }

    static let uploadNotFound = tus(404, "The file for this url was not found\n")
    static let uploadExpired = tus(410, "The file for this url no longer exists\n")
    static let uploadTooLong = tus(413, "upload's size exceeded\n")
    static let cutOff = tus(400, "Request aborted due to lock acquired")
}

extension SupabaseCore {
    static let tusFields: HeaderList = ["Tus-Resumable": "1.0.0"]

    /// Answers as the tus server does: in prose and with true statuses, once the token has passed.
    func tus(
        _ request: SupabaseRequest, holder: SupabaseHolder, waited: Duration
    ) throws(SupabaseError) -> SupabasePlan {
        if request.method == "OPTIONS" {
            return .reply(
                SupabaseReply(
                    204,
                    headers: [
                        "Tus-Version": "1.0.0",
                        "Tus-Extension": "creation,creation-with-upload,creation-defer-length,termination,expiration",
                    ] + Self.tusFields))
        }
        let role = request.isSignedTus ? .service : try role(of: request)
        do {
            guard request.headers["Tus-Resumable"] != nil else {
                throw SupabaseError.tus(412, "Tus-Resumable Required\n")
            }
            for name in ["Upload-Offset", "Upload-Length"] {
                if let text = request.headers[name], Int(text).map({ $0 >= 0 }) != true {
                    throw SupabaseError.tus(400, "Invalid \(name.lowercased())\n")
                }
            }
            switch request.method {
            case "POST": return try createUpload(request, holder, role)
            case "PATCH", "HEAD", "DELETE": return try touch(request, holder, role, waited)
            default: throw SupabaseError.tus(404, "Not found\n")
            }
        } catch let error as SupabaseError {
            return .reply(error.plainReply.with(Self.tusFields))
        } catch {
            return .reply(SupabaseError.internalError.plainReply)
        }
    }

    private func isUpsert(
        _ request: SupabaseRequest, _ key: String, in id: String
    ) throws(SupabaseError) -> Bool {
        guard request.isSignedTus else { return request.isUpsert }
        guard let token = request.headers["x-signature"] else {
            throw SupabaseError(400, "InvalidSignature", "Missing x-signature header")
        }
        return try claims(of: token, scope: "upload", for: "\(id)/\(key)")["upsert"].bool == true
    }

    private func createUpload(
        _ request: SupabaseRequest, _ holder: SupabaseHolder, _ role: SupabaseRole
    ) throws(SupabaseError) -> SupabasePlan {
        let length = request.headers["Upload-Length"].flatMap { Int($0) }
        let isDeferred = request.headers["Upload-Defer-Length"] == "1"
        guard (length == nil) == isDeferred else {
            throw .tus(400, "Upload-Length or Upload-Defer-Length header required\n")
        }
        guard let field = request.headers["Upload-Metadata"] else {
            throw .tus(400, "Metadata header is required")
        }
        guard let values = SupabaseUpload.values(of: field) else { throw .tus(400, "Upload-Metadata is invalid.") }
        let (id, key) = (values["bucketName"] ?? "", values["objectName"] ?? "")
        guard SupabaseRules.isBucketName(id) else { throw .tus(400, "Bucket name invalid") }
        guard SupabaseRules.isKey(key) else { throw .invalidKey(key) }
        let bucket = try withState { state throws(SupabaseError) in try state.bucket(id) }
        if let length, length > limit(of: bucket) { throw .tus(413, "Maximum size exceeded\n") }
        let isUpsert = try isUpsert(request, key, in: id)
        try mayWrite(key, in: id, isUpsert: isUpsert, as: role)
        if let type = values["contentType"] { try SupabaseRules.allows(type, bucket.types) }
        var upload = SupabaseUpload(
            bucket: id, key: key, version: SupabaseText.uuid(), length: length, isDeferred: isDeferred,
            metadata: field, form: SupabaseUpload.form(of: values), created: now, bytes: ByteBuffer())
        upload.bytes.reserveCapacity(min(length ?? 0, 256 << 20))
        upload.lock = SupabaseLock(holder: holder)
        let made = upload
        withState { $0.uploads[made.id] = made }
        let reply = SupabaseReply(201, headers: ["Location": location(of: upload, request)] + Self.tusFields)
        let carriesBytes = request.headers["Content-Type"] == "application/offset+octet-stream"
        let transfer = SupabaseTransfer(
            upload: upload.id, holder: holder, start: 0, isUpsert: isUpsert, creation: reply)
        if carriesBytes { return .stream(transfer) }
        return .collect { [self] _ in finish(transfer) }
    }

    private func location(of upload: SupabaseUpload, _ request: SupabaseRequest) -> String {
        let own = "http://" + (request.headers["Host"] ?? "127.0.0.1")
        let path = request.isSignedTus ? "/upload/resumable/sign/" : "/upload/resumable/"
        return (configuration.tusLocation ?? own) + SupabaseRequest.base + path
            + SupabaseText.base64URL(Array(upload.id.utf8))
    }

    /// A request to an upload that is there: the permission is asked anew each time, but for HEAD.
    private func touch(
        _ request: SupabaseRequest, _ holder: SupabaseHolder, _ role: SupabaseRole, _ waited: Duration
    ) throws(SupabaseError) -> SupabasePlan {
        let id = SupabaseText.bytes(ofBase64: request.segments.last ?? "").map { String(decoding: $0, as: UTF8.self) }
        guard let id, !id.isEmpty, request.segments.count > 2 else { throw .uploadNotFound }
        let parts = id.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 2 else { throw .tus(400, "Invalid upload id") }
        let key = parts[1..<(parts.count - 1)].joined(separator: "/")
        if request.method == "PATCH" {
            guard request.headers["Upload-Offset"] != nil else { throw .tus(403, "Upload-Offset header required\n") }
            guard let type = request.headers["Content-Type"] else { throw .tus(403, "Content-Type header required\n") }
            guard type == "application/offset+octet-stream" else { throw .tus(400, "Invalid content-type\n") }
        }
        let isUpsert = try isUpsert(request, key, in: parts[0])
        if request.method != "HEAD" { try mayWrite(key, in: parts[0], isUpsert: isUpsert, as: role) }
        guard try lock(id, for: holder, waited: waited) else { return .wait }
        do throws(SupabaseError) {
            switch request.method {
            case "PATCH":
                let start = try startPatch(request, id)
                return .stream(
                    SupabaseTransfer(upload: id, holder: holder, start: start, isUpsert: isUpsert, creation: nil))
            case "HEAD":
                let reply = try headUpload(id)
                unlock(id, holder)
                return .reply(reply)
            default:
                try withState { state throws(SupabaseError) in
                    guard let upload = state.uploads[id] else { throw .uploadNotFound }
                    guard !upload.isComplete else { throw .tus(400, "Cannot terminate an already completed upload") }
                    state.uploads[id] = nil
                }
                return .reply(SupabaseReply(204, headers: Self.tusFields))
            }
        } catch {
            unlock(id, holder)
            throw error
        }
    }

    /// Takes the lock, or says that another request has it; ends that one if it is slow to go.
    private func lock(_ id: String, for holder: SupabaseHolder, waited: Duration) throws(SupabaseError) -> Bool {
        let (isMine, holding, wait) = withState { state -> (Bool, SupabaseHolder?, Duration) in
            let limits = state.configuration
            guard let upload = state.uploads[id] else { return (true, nil, limits.lockWait) }
            guard var lock = upload.lock, lock.holder.id != holder.id else {
                state.uploads[id]?.lock = SupabaseLock(holder: holder)
                return (true, nil, limits.lockWait)
            }
            let since = lock.isWantedSince ?? .now
            lock.isWantedSince = since
            state.uploads[id]?.lock = lock
            let isOver = limits.lockDrain.map { .now - since >= $0 } ?? false
            return (false, isOver ? lock.holder : nil, limits.lockWait)
        }
        if isMine { return true }
        if waited >= wait { throw .lockTimeout }
        holding?.cutOff()
        return false
    }

    private func unlock(_ id: String, _ holder: SupabaseHolder) {
        withState { state in
            if state.uploads[id]?.lock?.holder.id == holder.id { state.uploads[id]?.lock = nil }
        }
    }

    private func living(_ id: String, _ state: SupabaseState) throws(SupabaseError) -> SupabaseUpload {
        guard let upload = state.uploads[id] else { throw .uploadNotFound }
        guard state.now < upload.created.addingTimeInterval(state.configuration.tusExpiry.interval) else {
            throw .uploadExpired
        }
        return upload
    }

    private func startPatch(_ request: SupabaseRequest, _ id: String) throws(SupabaseError) -> Int {
        try withState { state throws(SupabaseError) in
            var upload = try living(id, state)
            guard request.headers["Upload-Offset"].flatMap({ Int($0) }) == upload.offset else {
                throw .tus(409, "Upload-Offset conflict\n")
            }
            if let length = request.headers["Upload-Length"].flatMap({ Int($0) }) {
                guard upload.length == nil, length >= upload.offset else {
                    throw .tus(400, "Upload-Length or Upload-Defer-Length header required\n")
                }
                upload.length = length
                state.uploads[id] = upload
            }
            let most = upload.length ?? state.configuration.largestObject
            if let told = request.length, upload.offset + told > most { throw .uploadTooLong }
            return upload.offset
        }
    }

    private func headUpload(_ id: String) throws(SupabaseError) -> SupabaseReply {
        let upload = try withState { state throws(SupabaseError) in try living(id, state) }
        let length: HeaderList =
            upload.length.map { ["Upload-Length": String($0)] } ?? ["Upload-Defer-Length": "1"]
        return SupabaseReply(
            200,
            headers: [
                "Upload-Offset": String(upload.offset), "Upload-Metadata": upload.metadata,
                "Cache-Control": "no-store",
            ] + length + Self.tusFields)
    }
}

extension SupabaseRequest {
    /// Whether the token of an upload link stands in for a key.
    var isSignedTus: Bool { path?.hasPrefix("/upload/resumable/sign") == true }
}
