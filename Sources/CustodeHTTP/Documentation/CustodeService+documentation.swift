internal import HTTPTypes

/// What the service says of itself: to programs as it lies beside the code, to people as a page made from that.
extension CustodeService {
    static let openAPI: Reply = {
        var reply = Reply(.ok)
        reply.content = .bytes(PackageResources.openapi_json)
        reply.length = Int64(PackageResources.openapi_json.count)
        reply.fields[.contentType] = "application/json"
        reply.fields[.cacheControl] = "public, max-age=300"
        return reply
    }()

    /// Made when it is first asked for.
    static let docs: Reply = {
        // It is part of the program, and a test reads it.
        guard let document = APIDocument(PackageResources.openapi_json) else {
            return Reply.internalError(instance: "docs")
        }
        let bytes = Array(APIPage(document).html.utf8)
        var reply = Reply(.ok)
        reply.content = .bytes(bytes)
        reply.length = Int64(bytes.count)
        reply.fields[.contentType] = "text/html; charset=utf-8"
        reply.fields[.cacheControl] = "public, max-age=300"
        reply.fields[.contentSecurityPolicy] = APIPage.contentSecurityPolicy
        reply.fields[.referrerPolicy] = "no-referrer"
        return reply
    }()
}
