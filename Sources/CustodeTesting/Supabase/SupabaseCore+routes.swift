extension SupabaseCore {
    /// The one route of a request, by method and path.
    func route(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        if let parent = request.headers["traceparent"] { withState { $0.traceParents.append(parent) } }
        let segments = request.segments
        switch segments.first {
        case "object": return try objectRoute(request)
        case "bucket": return try bucketRoute(request, segments.dropFirst().filter { !$0.isEmpty })
        case "status" where segments.count == 1 && request.isRead: return .reply(SupabaseReply(200))
        case "version" where segments.count == 1 && request.isRead: return .reply(.text("0.0.0", status: 200))
        case "health" where segments.count == 1 && request.isRead:
            _ = try role(of: request)
            return .reply(.json(["healthy": true]))
        default: throw noRoute(request)
        }
    }

    func noRoute(_ request: SupabaseRequest) -> SupabaseError {
        .noRoute("\(request.method):\(request.path ?? request.target)")
    }

    private func objectRoute(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        let segments = request.segments
        guard segments.count > 1 else { throw noRoute(request) }
        let second = segments[1]
        switch (request.method, segments.count) {
        case ("POST", 2): return try postRoute(request, second)
        case ("POST", 3) where ["list", "list-v2", "sign"].contains(second): return try bucketwideRoute(request)
        case ("POST", 4...) where second == "sign": return try sign(request)
        case ("POST", 5...) where second == "upload" && segments[2] == "sign": return try signUpload(request)
        case ("POST", 3...): return try create(request, isUpsert: request.isUpsert)
        case ("PUT", 5...) where second == "upload" && segments[2] == "sign": return try uploadBySignature(request)
        case ("PUT", 3...): return try create(request, isUpsert: true)
        case ("GET", 4...) where second == "sign": return .reply(try getBySignature(request))
        case ("GET", 3...), ("HEAD", 3...): return .reply(try read(request))
        case ("DELETE", 2): return try deleteMany(request)
        case ("DELETE", 3...): return try deleteOne(request)
        default: throw noRoute(request)
        }
    }

    private func postRoute(_ request: SupabaseRequest, _ name: String) throws(SupabaseError) -> SupabasePlan {
        switch name {
        case "move": return try move(request)
        case "copy": return try copy(request)
        default: throw noRoute(request)
        }
    }

    private func bucketwideRoute(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        switch request.segments[1] {
        case "list": return try list(request)
        case "list-v2": return try listV2(request)
        default: return try signMany(request)
        }
    }

    private func read(_ request: SupabaseRequest) throws(SupabaseError) -> SupabaseReply {
        let segments = request.segments
        let isInfo = segments[1] == "info"
        // `info` and the three doors are reserved words only where a bucket and a key follow.
        let rest = isInfo && segments.count > 3 ? 2 : 1
        let door = segments.count > rest + 2 ? segments[rest] : ""
        let hasDoor = door == "authenticated" || door == "public"
        let start = hasDoor ? rest + 1 : rest
        let place = (bucket: segments[start], key: request.key(from: start + 1))
        let role: SupabaseRole? =
            switch door {
            case "authenticated": try self.role(of: request)
            case "public": nil
            default: optionalRole(of: request)
            }
        let object = try readable(place.key, in: place.bucket, as: role, isPublicDoor: door == "public")
        if isInfo && rest == 2 { return info(object, place.key, in: place.bucket) }
        return request.method == "HEAD" ? head(object) : try asset(object, request)
    }
}

extension SupabaseRequest {
    var isRead: Bool { method == "GET" || method == "HEAD" }

    /// Whether the tus server answers it, in its own words.
    var isTus: Bool {
        guard let path else { return false }
        return path == "/upload/resumable" || path.hasPrefix("/upload/resumable/")
    }
}
