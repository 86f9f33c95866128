internal import CustodeCore
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore

/// tus 1.0.0 with its extensions.
extension CustodeService {
    private static let chunkType = "application/offset+octet-stream"
    private static let mostParts = 1_000

    func createTus(_ exchange: Exchange) async throws -> Reply {
        try Self.checkVersion(exchange)
        let caller = try await uploadCaller(exchange, begins: true)
        let declaration = try tusDeclaration(exchange)
        var append = ResumableUploads.Append(offset: 0)
        append.count = exchange.contentLength
        append.checksum = try UploadFields.checksum(exchange.request.headers)
        guard case .begun(let upload) = try await uploads.begin(caller, declaration) else { throw Refusal.notFound }
        noteBegun(upload, exchange)
        let standing: ResumableUploads.Standing
        if case .joined = declaration.role {
            standing = try await uploads.join(upload)
        } else if declaration.hasBody {
            standing = try await abandoning(upload) {
                try await uploads.append(
                    upload, append, body: { try await exchange.body() }, stop: exchange.stop)
            }
        } else {
            standing = try await uploads.rest(upload)
        }
        var reply = Reply(.created)
        reply.fields[.location] = location(upload, exchange)
        addTusProgress(standing, to: &reply)
        return reply
    }

    func appendTus(_ exchange: Exchange, _ id: UploadID, _ caller: ResumableUploads.Caller) async throws -> Reply {
        let fields = exchange.request.headers
        guard Self.isChunk(fields[.contentType]) else {
            throw Refusal.unsupportedType("A PATCH of tus carries \(Self.chunkType).")
        }
        guard let offset = try UploadFields.count(fields, .uploadOffset) else {
            throw Refusal.badRequest("Name the offset that the body begins at in Upload-Offset.")
        }
        var append = ResumableUploads.Append(offset: offset)
        append.count = exchange.contentLength ?? (fields[.transferEncoding] == nil ? 0 : nil)
        append.length = try UploadFields.count(fields, .uploadLength)
        append.checksum = try UploadFields.checksum(fields)
        let standing = try await uploads.append(
            caller, id, append, body: { try await exchange.body() }, stop: exchange.stop)
        var reply = Reply(.noContent)
        addTusProgress(standing, to: &reply)
        return reply
    }

    /// What tus tells of an upload when it is asked.
    func addTusFields(_ standing: ResumableUploads.Standing, to reply: inout Reply) {
        let upload = standing.upload
        // What is being made of others has no offset before it is whole.
        var isJoining = false
        if case .receiving = standing { isJoining = !upload.parts.isEmpty }
        if !isJoining { reply.fields[.uploadOffset] = String(upload.offset) }
        if upload.length == nil { reply.fields[.uploadDeferLength] = "1" }
        reply.fields[.uploadMetadata] = upload.declared.metadata
        reply.fields[.uploadConcat] = upload.declared.concat
        if case .receiving = standing { reply.fields[.uploadExpires] = upload.expires.httpDate }
    }

    private func addTusProgress(_ standing: ResumableUploads.Standing, to reply: inout Reply) {
        reply.fields[.uploadOffset] = String(standing.upload.offset)
        switch standing {
        case .receiving, .partial: reply.fields[.uploadExpires] = uploadExpiry.httpDate
        case .published(_, let outcome): addObject(outcome.record, to: &reply)
        }
    }

    /// - Throws: ``Refusal/versionUnsupported``.
    static func checkVersion(_ exchange: Exchange) throws(Refusal) {
        exchange.dialect = .tus
        guard exchange.request.headers[values: .tusResumable] == [TusVersion.supported] else {
            throw .versionUnsupported
        }
    }

    private func tusDeclaration(_ exchange: Exchange) throws -> ResumableUploads.Declaration {
        let fields = exchange.request.headers
        var declaration = ResumableUploads.Declaration(.tus)
        let text = try UploadFields.single(fields, .uploadMetadata)
        let metadata = try UploadMetadata(text ?? "")
        let concat = try UploadFields.single(fields, .uploadConcat)
        declaration.declared = ResumableUpload.Declared(metadata: text, concat: concat)
        declaration.role = try role(concat)
        declaration.request.length = try Self.length(fields, declaration.role)
        declaration.hasBody = Self.isChunk(fields[.contentType]) && exchange.hasUnreadBody
        guard declaration.role != .partial else { return declaration }
        if let job = try metadata.text("job") {
            guard let job = JobID(job) else { throw Refusal.notFound }
            exchange.note("job", job.text)
            declaration.job = job
        }
        if let object = try metadata.text("object") {
            guard let object = ObjectName(object), policy.rule(for: object) != nil else { throw Refusal.notFound }
            exchange.note("object", object.text)
            declaration.object = object
        }
        declaration.request.filename = try metadata.text("filename").flatMap(ContentDisposition.harmless)
        if let type = try metadata.text("filetype") {
            guard let claim = MediaType(type) else {
                throw Refusal.unsupportedType("filetype \(type) cannot be read; send type/subtype, or none.")
            }
            declaration.request.claim = claim
        }
        return declaration
    }

    private func role(_ concat: String?) throws(Refusal) -> ResumableUploads.Declaration.Role {
        guard let concat else { return .whole }
        if concat == "partial" { return .partial }
        guard concat.hasPrefix("final;") else {
            throw .badRequest("Upload-Concat must be partial, or final; and the partial uploads.")
        }
        var ids: [UploadID] = []
        for url in concat.dropFirst("final;".count).split(separator: " ") {
            guard let id = RequestTarget(String(url)).path.split(separator: "/").last.flatMap({ UploadID(String($0)) })
            else { throw .badRequest("Upload-Concat names what is no upload of this service.") }
            ids.append(id)
        }
        guard ids.count <= Self.mostParts else {
            throw .badRequest("At most \(Self.mostParts) partial uploads are joined at once.")
        }
        return .joined(ids)
    }

    private static func length(
        _ fields: HTTPFields, _ role: ResumableUploads.Declaration.Role
    ) throws(Refusal) -> Int64? {
        let length = try UploadFields.count(fields, .uploadLength)
        let deferred = try UploadFields.single(fields, .uploadDeferLength)
        if case .joined = role {
            guard length == nil, deferred == nil else {
                throw .badRequest("The length of an upload that is made of others is theirs; send none.")
            }
            return nil
        }
        guard deferred == nil || deferred == "1" else { throw .badRequest("Upload-Defer-Length can only be 1.") }
        guard (length == nil) == (deferred == "1") else {
            throw .badRequest("Send either Upload-Length or Upload-Defer-Length: 1.")
        }
        return length
    }

    private static func isChunk(_ type: String?) -> Bool {
        type.flatMap(MediaType.init)?.essence == chunkType
    }
}
