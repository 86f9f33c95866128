extension SupabaseCore {
    /// The routes below `/bucket`, whose rest of segments is given.
    func bucketRoute(_ request: SupabaseRequest, _ rest: [String]) throws(SupabaseError) -> SupabasePlan {
        switch (request.method, rest.count) {
        case ("POST", 0): return try createBucket(request)
        case ("GET", 0): return .reply(try listBuckets(request))
        case ("GET", 1): return .reply(try getBucket(request, rest[0]))
        case ("PUT", 1): return try updateBucket(request, rest[0])
        case ("DELETE", 1):
            return .collect { [self] _ in
                reply { () throws(SupabaseError) in try deleteBucket(request, rest[0]) }
            }
        case ("POST", 2) where rest[1] == "empty": return try emptyBucket(request, rest[0])
        default: throw noRoute(request)
        }
    }

    private func createBucket(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        json(request) { [self] body throws(SupabaseError) in
            let role = try role(of: request)
            let name = try body.text("name")
            let id = body["id"].string ?? name
            guard SupabaseRules.isBucketName(name) else {
                throw SupabaseError(400, "InvalidBucketName", "Bucket name invalid", error: "Invalid Input")
            }
            guard role.isService else { throw .rowSecurity }
            try withState { state throws(SupabaseError) in
                guard state.buckets[id] == nil else { throw .bucketExists }
                var bucket = SupabaseBucket(name: name, created: state.now)
                try Self.change(&bucket, by: body, globalLimit: state.configuration.largestObject)
                state.buckets[id] = bucket
            }
            return .json(["name": .string(name)])
        }
    }

    /// Takes over what a request tells; what it does not tell stays.
    private static func change(
        _ bucket: inout SupabaseBucket, by body: JSON, globalLimit: Int
    ) throws(SupabaseError) {
        if let isPublic = body["public"].bool { bucket.isPublic = isPublic }
        let told = Set(body.names)
        if told.contains("file_size_limit") {
            let limit = try SupabaseRules.size(body["file_size_limit"])
            if let limit, limit > globalLimit { throw .tooLarge }
            bucket.limit = limit
        }
        if told.contains("allowed_mime_types") {
            let types = body["allowed_mime_types"].array.compactMap(\.string).filter { !$0.isEmpty }
            bucket.types = body["allowed_mime_types"] == .null ? nil : types
        }
    }

    private func listBuckets(_ request: SupabaseRequest) throws(SupabaseError) -> SupabaseReply {
        let role = try role(of: request)
        let search = request.query["search"]?.lowercased() ?? ""
        let offset = request.query["offset"].flatMap { Int($0) } ?? 0
        let limit = request.query["limit"].flatMap { Int($0) } ?? .max
        let column = request.query["sortColumn"]
        let isDescending = request.query["sortOrder"]?.lowercased() == "desc"
        let found = withState { state in
            state.buckets.filter { role.isService && (search.isEmpty || $0.value.name.lowercased().contains(search)) }
        }
        let sorted = found.sorted { left, right in
            let isBefore =
                switch column {
                case "created_at": left.value.created < right.value.created
                case "updated_at": left.value.updated < right.value.updated
                default: left.key < right.key
                }
            return isBefore != isDescending
        }
        return .json(.array(sorted.dropFirst(offset).prefix(limit).map { $0.value.json(id: $0.key) }))
    }

    private func getBucket(_ request: SupabaseRequest, _ id: String) throws(SupabaseError) -> SupabaseReply {
        let role = try role(of: request)
        let bucket = try withState { state throws(SupabaseError) in
            guard role.isService else { throw .noSuchBucket }
            return try state.bucket(id)
        }
        return .json(bucket.json(id: id))
    }

    private func updateBucket(_ request: SupabaseRequest, _ id: String) throws(SupabaseError) -> SupabasePlan {
        json(request) { [self] body throws(SupabaseError) in
            let role = try role(of: request)
            try withState { state throws(SupabaseError) in
                guard role.isService, var bucket = state.buckets[id] else { throw .noSuchBucket }
                try Self.change(&bucket, by: body, globalLimit: state.configuration.largestObject)
                bucket.updated = state.now
                state.buckets[id] = bucket
            }
            return .json(["message": "Successfully updated"])
        }
    }

    private func deleteBucket(_ request: SupabaseRequest, _ id: String) throws(SupabaseError) -> SupabaseReply {
        let role = try role(of: request)
        try withState { state throws(SupabaseError) in
            let bucket = try state.bucket(id)
            guard bucket.objects.isEmpty else { throw .bucketNotEmpty }
            guard role.isService else { throw .noSuchBucket }
            state.buckets[id] = nil
        }
        return .json(["message": "Successfully deleted"])
    }

    /// Empties a bucket at once, as a server without a queue does.
    private func emptyBucket(_ request: SupabaseRequest, _ id: String) throws(SupabaseError) -> SupabasePlan {
        let role = try role(of: request)
        return .collect { [self] _ in
            reply { () throws(SupabaseError) in
                guard role.isService else { throw .denied("Access denied", wireStatus: 403) }
                try withState { state throws(SupabaseError) in
                    _ = try state.bucket(id)
                    state.buckets[id]?.removeAll()
                }
                return .json(["message": "Empty bucket has been queued. Completion may take up to an hour."])
            }
        }
    }
}
