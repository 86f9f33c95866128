internal import CustodeCore
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore

/// draft-ietf-httpbis-resumable-upload, interop version 8.
extension CustodeService {
    private static let interopVersion = "8"
    private static let partType = "application/partial-upload"
    private static let resumption = HTTPResponse.Status(code: 104, reasonPhrase: "Upload Resumption Supported")

    /// Whether a `PUT` begins an upload that may be gone on with.
    ///
    /// One that is all in one request and could not be told where to go on is a plain one.
    func beginsUpload(_ exchange: Exchange) -> Bool {
        guard let complete = UploadFields.boolean(exchange.request.headers, .uploadComplete) else { return false }
        exchange.dialect = .draft
        return !complete || Self.understandsInterim(exchange)
    }

    // Others would take it for the reply.
    private static func understandsInterim(_ exchange: Exchange) -> Bool {
        exchange.request.headers[.uploadInteropVersion] == interopVersion
    }

    func createDraft(
        _ exchange: Exchange, _ caller: ResumableUploads.Caller, _ job: JobID?, _ object: ObjectName?
    ) async throws -> Reply {
        let fields = exchange.request.headers
        let completes = UploadFields.boolean(fields, .uploadComplete) ?? false
        var declaration = ResumableUploads.Declaration(.draft)
        (declaration.job, declaration.object) = (job, object)
        var request = try putRequest(exchange)
        var append = try draftAppend(exchange, offset: 0, completes: completes)
        if completes, let count = append.count, let length = append.length, count != length {
            throw Refusal.uploadLength
        }
        request.digest = append.digest ?? (completes ? request.digest : nil)
        request.length = append.length ?? (completes ? append.count : nil)
        declaration.request = request
        declaration.hasBody = true
        append.length = nil
        switch try await uploads.begin(caller, declaration) {
        case .alreadyThere(let record):
            return finalReply(PutObject.Outcome(record: record, created: false))
        case .begun(let upload):
            noteBegun(upload, exchange)
            let location = location(upload, exchange)
            let receive = {
                try await Self.checking {
                    try await uploads.append(
                        upload, append, body: { try await exchange.body() }, stop: exchange.stop,
                        told: teller(exchange))
                }
            }
            guard Self.understandsInterim(exchange) else {
                return draftReply(try await abandoning(upload, receive), .created, location: location)
            }
            try await abandoning(upload) {
                try await exchange.inform(
                    Self.resumption,
                    [
                        .location: location, .uploadLimit: uploadLimit(upload),
                        .uploadInteropVersion: Self.interopVersion,
                    ])
            }
            return draftReply(try await receive(), .created, location: location)
        }
    }

    func appendDraft(_ exchange: Exchange, _ id: UploadID, _ caller: ResumableUploads.Caller) async throws -> Reply {
        exchange.dialect = .draft
        let fields = exchange.request.headers
        guard fields[.contentType].flatMap(MediaType.init)?.essence == Self.partType else {
            throw Refusal.unsupportedType("A PATCH of an upload carries \(Self.partType).")
        }
        guard let offset = try UploadFields.count(fields, .uploadOffset) else {
            throw Refusal.badRequest("Name the offset that the body begins at in Upload-Offset.")
        }
        guard let completes = UploadFields.boolean(fields, .uploadComplete) else {
            throw Refusal.badRequest("Say in Upload-Complete whether the body ends the upload: ?1 or ?0.")
        }
        let append = try draftAppend(exchange, offset: offset, completes: completes)
        let standing = try await Self.checking {
            try await uploads.append(
                caller, id, append, body: { try await exchange.body() }, stop: exchange.stop, told: teller(exchange))
        }
        return draftReply(standing, .noContent, location: nil)
    }

    /// The status that tus has for it is its own.
    private static func checking<T>(_ body: () async throws -> T) async throws -> T {
        do {
            return try await body()
        } catch Refusal.checksumMismatch {
            throw Refusal.badRequest("The body's SHA-256 is not the one in Content-Digest; none of it was kept.")
        }
    }

    private func draftAppend(
        _ exchange: Exchange, offset: Int64, completes: Bool
    ) throws -> ResumableUploads.Append {
        let fields = exchange.request.headers
        var append = ResumableUploads.Append(offset: offset)
        append.count = exchange.contentLength ?? (fields[.transferEncoding] == nil ? 0 : nil)
        append.length = try UploadFields.count(fields, .uploadLength)
        append.completes = completes
        append.digest = try fields[.reprDigest].flatMap { field in try ContentDigest.sha256(field) }
        if let field = fields[.contentDigest], let digest = try ContentDigest.sha256(field) {
            append.checksum = (.sha256, digest.bytes)
        }
        return append
    }

    /// Tells a client that understands it how far its bytes are recorded.
    private func teller(_ exchange: Exchange) -> (Int64) async -> Void {
        { offset in
            guard Self.understandsInterim(exchange) else { return }
            // A client that is gone is noticed by its body.
            try? await exchange.inform(
                Self.resumption,
                [.uploadOffset: String(offset), .uploadInteropVersion: Self.interopVersion])
        }
    }

    private func draftReply(
        _ standing: ResumableUploads.Standing, _ status: HTTPResponse.Status, location: String?
    ) -> Reply {
        if case .published(let upload, let outcome) = standing {
            var reply = finalReply(outcome)
            reply.fields[.uploadOffset] = String(upload.offset)
            return reply
        }
        var reply = Reply(status)
        reply.fields[.location] = location
        addDraftFields(standing, to: &reply)
        return reply
    }

    private func finalReply(_ outcome: PutObject.Outcome) -> Reply {
        var reply = stored(outcome)
        reply.fields[.uploadComplete] = "?1"
        addObject(outcome.record, to: &reply)
        return reply
    }

    /// What the draft tells of an upload when it is asked.
    func addDraftFields(_ standing: ResumableUploads.Standing, to reply: inout Reply) {
        let upload = standing.upload
        reply.fields[.uploadOffset] = String(upload.offset)
        if case .receiving = standing {
            reply.fields[.uploadComplete] = "?0"
        } else {
            reply.fields[.uploadComplete] = "?1"
        }
        reply.fields[.uploadLimit] = uploadLimit(upload)
    }

    private func uploadLimit(_ upload: ResumableUpload) -> String {
        let left = (upload.expires.microseconds - clock.now().microseconds) / 1_000_000
        return "max-size=\(upload.limit), max-age=\(max(0, left))"
    }
}
