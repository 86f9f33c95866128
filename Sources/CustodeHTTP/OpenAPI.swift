internal import HTTPTypes

extension CustodeService {
    /// The description of the surface, as it lies beside this file.
    static let openAPI: Reply = {
        var reply = Reply(.ok)
        reply.content = .bytes(PackageResources.openapi_json)
        reply.length = Int64(PackageResources.openapi_json.count)
        reply.fields[.contentType] = "application/json"
        reply.fields[.cacheControl] = "public, max-age=300"
        return reply
    }()
}
