import Foundation

extension SupabaseCore {
    private static let absent = "Either the object does not exist or you do not have access to it"

    /// Signs one link, to the path as it came: what separates the parts of a URL stays encoded in it.
    func sign(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        let (id, key) = (request.segments[2], request.key(from: 3))
        let raw = (request.path ?? "").split(separator: "/", omittingEmptySubsequences: false).dropFirst(3)
        let url = SupabaseText.decodedURI(raw.joined(separator: "/"))
        return json(request) { [self] body throws(SupabaseError) in
            let role = try role(of: request)
            let life = try Self.life(body)
            let now = try withState { state throws(SupabaseError) in
                _ = try state.object(key, in: id, as: role)
                return state.now
            }
            return .json(["signedURL": .string(link(to: url, issued: now, validFor: life))])
        }
    }

    func signMany(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        let id = request.segments[2]
        return json(request) { [self] body throws(SupabaseError) in
            let role = try role(of: request)
            let life = try Self.life(body)
            guard case .array(let paths) = body["paths"], !paths.isEmpty else {
                throw .schema("body must have required property 'paths'")
            }
            guard paths.count <= 1_000 else { throw .schema("body/paths must NOT have more than 1000 items") }
            let names = paths.compactMap(\.string)
            let (now, found) = withState { state in
                (state.now, names.map { role.isService && state.buckets[id]?[$0] != nil })
            }
            let rows = zip(names, found).map { name, isThere -> JSON in
                guard isThere else {
                    return .object(["error": .string(Self.absent), "path": .string(name), "signedURL": .null])
                }
                let url = link(to: "\(id)/\(name)", issued: now, validFor: life)
                return .object(["error": .null, "path": .string(name), "signedURL": .string(url)])
            }
            return .json(.array(rows))
        }
    }

    private static func life(_ body: JSON) throws(SupabaseError) -> Duration {
        // A number that is written as a text is one: the server's own clients send it so.
        guard let seconds = body["expiresIn"].int ?? body["expiresIn"].string.flatMap({ Int($0) }) else {
            throw .schema("body must have required property 'expiresIn'")
        }
        guard seconds >= 1 else { throw .schema("body/expiresIn must be >= 1") }
        return .seconds(seconds)
    }

    /// A link relative to the server, not encoded.
    private func link(to url: String, issued: Date, validFor life: Duration) -> String {
        let token = gateway.token.sign(
            ["url": .string(url), "scope": "download"], issued: issued, validFor: life)
        return "/object/sign/\(url)?token=\(token)"
    }

    /// Serves an object to the holder of a link.
    func getBySignature(_ request: SupabaseRequest) throws(SupabaseError) -> SupabaseReply {
        let (id, key) = (request.segments[2], request.key(from: 3))
        guard let token = request.query["token"] else {
            throw .schema("querystring must have required property 'token'")
        }
        let claims = try claims(of: token, scope: "download", for: "\(id)/\(key)")
        let object = try withState { state throws(SupabaseError) in
            try state.object(key, in: id, as: .service)
        }
        return try asset(object, request, expires: claims["exp"].number.map { Date(timeIntervalSince1970: $0) })
    }

    /// The claims of a link's token, if they are for this and for nothing else.
    func claims(of token: String, scope: String, for url: String) throws(SupabaseError) -> JSON {
        let claims: JSON
        do {
            claims = try gateway.token.claims(of: token, at: now)
        } catch {
            throw SupabaseError(400, "InvalidJWT", error.rawValue)
        }
        guard claims["scope"].string == scope else {
            throw SupabaseError(400, "InvalidSignature", "Token is not scoped for \(scope)")
        }
        guard claims["url"].string == url else { throw .invalidSignature }
        return claims
    }

    /// Signs a link to upload one object, for a time that the caller does not choose.
    func signUpload(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        let role = try role(of: request)
        let (id, key) = (request.segments[3], request.key(from: 4))
        return .collect { [self] _ in
            reply { () throws(SupabaseError) in
                try mayWrite(key, in: id, isUpsert: request.isUpsert, as: role)
                let token = gateway.token.sign(
                    ["url": .string("\(id)/\(key)"), "upsert": .bool(request.isUpsert), "scope": "upload"],
                    issued: now, validFor: configuration.uploadLinkLife)
                return .json([
                    "url": .string("/object/upload/sign/\(id)/\(key)?token=\(token)"), "token": .string(token),
                ])
            }
        }
    }

    /// Uploads by such a link, whose own word on replacing counts.
    func uploadBySignature(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        let (id, key) = (request.segments[3], request.key(from: 4))
        guard let token = request.query["token"] else {
            throw .schema("querystring must have required property 'token'")
        }
        let isUpsert = try claims(of: token, scope: "upload", for: "\(id)/\(key)")["upsert"].bool == true
        return try upload(request, key, in: id, isUpsert: isUpsert, as: .service) { _ in
            .json(["Key": .string("\(id)/\(key)")])
        }
    }
}
