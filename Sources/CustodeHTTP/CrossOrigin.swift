internal import CustodeCore
internal import HTTPTypes
internal import HummingbirdCore

/// Cross-origin requests, as configured (Fetch §3.2).
extension CustodeService {
    private static let allowedFields = [
        "Authorization", "Custode-User", "Content-Type", "Content-Disposition", "Content-Digest", "Range", "If-Match",
        "If-None-Match", "If-Range", "Origin", "X-Requested-With", "X-Request-ID", "X-HTTP-Method-Override",
        "Upload-Length", "Upload-Offset", "Tus-Resumable", "Upload-Metadata", "Upload-Defer-Length", "Upload-Concat",
        "Upload-Checksum", "Upload-Incomplete", "Upload-Complete", "Upload-Draft-Interop-Version", "Repr-Digest",
    ].joined(separator: ", ")
    private static let exposedFields = [
        "ETag", "Content-Disposition", "Content-Location", "Content-Range", "X-Request-Id", "Retry-After", "Location",
        "Custode-Object", "Upload-Offset", "Upload-Length", "Upload-Expires", "Upload-Metadata", "Upload-Defer-Length",
        "Upload-Concat", "Upload-Incomplete", "Upload-Complete", "Upload-Limit", "Upload-Draft-Interop-Version",
        "Tus-Version", "Tus-Resumable", "Tus-Max-Size", "Tus-Extension", "Tus-Checksum-Algorithm",
    ].joined(separator: ", ")

    private static let uploadMethods: [HTTPRequest.Method] = [.post, .head, .patch, .options, .get, .delete]

    /// Answers a preflight of an origin that may; `nil` for any other request.
    func preflight(_ exchange: Exchange, _ route: Route) -> Reply? {
        guard allowedOrigin(exchange) != nil, exchange.request.headers[.accessControlRequestMethod] != nil else {
            return nil
        }
        var reply = Reply(.noContent)
        let methods = route.isOfUploads ? Self.uploadMethods : route.methods
        reply.fields[.accessControlAllowMethods] = methods.map(\.rawValue).joined(separator: ", ")
        reply.fields[.accessControlAllowHeaders] = Self.allowedFields
        reply.fields[.accessControlMaxAge] = "86400"
        addUploadOptions(route, to: &reply)
        return reply
    }

    /// Lets a page of an allowed origin read the reply.
    func addCrossOriginFields(to reply: inout Reply, _ exchange: Exchange) {
        guard !configuration.corsOrigins.isEmpty else { return }
        reply.fields[.vary] = "Origin"
        guard let origin = allowedOrigin(exchange) else { return }
        reply.fields[.accessControlAllowOrigin] = origin
        reply.fields[.accessControlExposeHeaders] = Self.exposedFields
    }

    private func allowedOrigin(_ exchange: Exchange) -> String? {
        guard let origin = exchange.request.headers[.origin] else { return nil }
        if configuration.corsOrigins.contains("*") { return "*" }
        return configuration.corsOrigins.contains(origin) ? origin : nil
    }
}
