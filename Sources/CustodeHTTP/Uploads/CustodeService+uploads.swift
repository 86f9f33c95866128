internal import CustodeCore
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore

/// What both protocols of resumable uploads share.
extension CustodeService {
    /// What is done with an upload resource, whoever its creator is.
    func resumable(_ exchange: Exchange, _ id: String, _ caller: ResumableUploads.Caller) async throws -> Reply {
        guard let id = UploadID(id) else { throw Refusal.notFound }
        exchange.note("upload", id.name)
        let speaksTus = exchange.request.headers[.tusResumable] != nil
        if speaksTus { try Self.checkVersion(exchange) }
        switch exchange.method {
        case .patch:
            return speaksTus ? try await appendTus(exchange, id, caller) : try await appendDraft(exchange, id, caller)
        case .delete:
            try await uploads.terminate(caller, id)
            exchange.note(.uploadDeleted)
            return Reply(.noContent)
        default:
            guard speaksTus || exchange.request.headers[.uploadOffset] == nil,
                speaksTus || exchange.request.headers[.uploadComplete] == nil
            else { throw Refusal.badRequest("Whoever asks for the offset does not tell one.") }
            return status(try await uploads.status(caller, id), exchange)
        }
    }

    /// Notes for the record that an upload was begun.
    func noteBegun(_ upload: ResumableUpload, _ exchange: Exchange) {
        exchange.note("upload", upload.id.name)
        exchange.note(.uploadBegun)
    }

    /// Who asks under a link that an upload was begun with, be the link's time over or not.
    func linkedCaller(_ exchange: Exchange, _ token: String) throws -> ResumableUploads.Caller {
        .link(try verify(exchange, token, for: .upload, evenIfExpired: true))
    }

    /// Who asks at `/v1/uploads`: a credential, or an upload link's token in its place.
    func uploadCaller(_ exchange: Exchange, begins: Bool) async throws -> ResumableUploads.Caller {
        guard let token = try Self.bearer(exchange.request.headers), Self.mayBeLink(token) else {
            return .principal(try await principal(exchange))
        }
        do {
            return .link(try verify(exchange, token, for: .upload, evenIfExpired: !begins))
        } catch Refusal.badLink {
            throw Self.unknownCredential
        }
    }

    // Service keys and user tokens have characters that no link's token has.
    private static func mayBeLink(_ token: String) -> Bool { !token.hasPrefix("cus_") && !token.contains(".") }

    private func status(_ standing: ResumableUploads.Standing, _ exchange: Exchange) -> Reply {
        let upload = standing.upload
        exchange.dialect = upload.dialect
        var reply = Reply(upload.dialect == .tus ? .ok : .noContent)
        reply.fields[.cacheControl] = "no-store"
        switch upload.dialect {
        case .tus: addTusFields(standing, to: &reply)
        case .draft: addDraftFields(standing, to: &reply)
        }
        if let length = upload.length { reply.fields[.uploadLength] = String(length) }
        if case .published(_, let outcome) = standing { addObject(outcome.record, to: &reply) }
        return reply
    }

    /// Tells where the object is that an upload became.
    func addObject(_ record: ObjectRecord, to reply: inout Reply) {
        reply.fields[.custodeObject] = configuration.publicURL + Self.path(of: record)
    }

    /// Where an upload is gone on with, under what it was begun with.
    func location(_ upload: ResumableUpload, _ exchange: Exchange) -> String {
        if case .upload(let token) = exchange.route { return configuration.publicURL + "/u/\(token)/\(upload.id.text)" }
        return configuration.publicURL + "/v1/uploads/\(upload.id.text)"
    }

    /// Receives what comes with the beginning of an upload; if that fails, nobody will ever go on with it.
    func abandoning<T>(_ upload: ResumableUpload, _ body: () async throws -> T) async throws -> T {
        do {
            return try await body()
        } catch {
            await uploads.abandon(upload)
            throw error
        }
    }

    /// When an upload that was just gone on with may be given up.
    var uploadExpiry: Timestamp { clock.now() + uploads.rest }

    /// What may be asked of uploads without a credential.
    func uploadOptions(_ exchange: Exchange, _ route: Route) -> Reply {
        var reply = Reply(.noContent)
        reply.fields[.allow] = route.methods.map(\.rawValue).joined(separator: ", ")
        addUploadOptions(route, to: &reply)
        return reply
    }

    /// Tells what uploads can be and which protocols are spoken, at the places where they are.
    func addUploadOptions(_ route: Route, to reply: inout Reply) {
        var limit = uploads.largestObject
        switch route {
        case .uploads, .resumable, .linkedUpload:
            reply.fields[.tusVersion] = TusVersion.supported
            reply.fields[.tusExtension] = TusVersion.extensions
            reply.fields[.tusMaxSize] = String(limit)
            reply.fields[.tusChecksumAlgorithm] =
                ChecksumAlgorithm.allCases.map(\.rawValue).joined(separator: ",")
        case .object(_, let name):
            guard let rule = ObjectName(name).flatMap(policy.rule(for:)) else { return }
            limit = rule.maximumBytes
        case .upload: break
        default: return
        }
        reply.fields[.uploadLimit] = "max-size=\(limit), max-age=\(uploads.rest.components.seconds)"
        reply.fields[.acceptPatch] = "application/partial-upload"
    }
}
