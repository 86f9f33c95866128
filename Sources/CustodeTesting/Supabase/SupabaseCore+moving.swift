extension SupabaseCore {
    func deleteOne(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        let isJSON = request.headers["Content-Type"]?.hasPrefix("application/json") == true
        if isJSON && !request.hasBody { throw .emptyJSON }
        let role = try role(of: request)
        let (id, key) = (request.segments[1], request.key(from: 2))
        return .collect { [self] _ in
            reply { () throws(SupabaseError) in
                try withState { state throws(SupabaseError) in
                    guard state.buckets[id]?[key] != nil else { throw .noSuchKey }
                    guard role.isService else { throw .denied("Access denied") }
                    if !state.losesDeletes { state.buckets[id]?[key] = nil }
                }
                return .json(["message": "Successfully deleted"])
            }
        }
    }

    /// Deletes by exact names and tells the rows that went; of those that did not, nothing is said.
    func deleteMany(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        let id = request.segments[1]
        return json(request) { [self] body throws(SupabaseError) in
            let role = try role(of: request)
            guard case .array(let wanted) = body["prefixes"], !wanted.isEmpty else {
                throw .schema("body must have required property 'prefixes'")
            }
            let names = Set(wanted.compactMap(\.string))
            let rows = try withState { state throws(SupabaseError) in
                if let most = state.configuration.largestDelete, wanted.count > most {
                    throw .schema("body/prefixes must NOT have more than \(most) items")
                }
                guard role.isService, !state.losesDeletes else { return [(String, SupabaseObject)]() }
                let found = names.compactMap { name in state.buckets[id]?[name].map { (name, $0) } }
                for (name, _) in found { state.buckets[id]?[name] = nil }
                return found.sorted { $0.1.place < $1.1.place }
            }
            return .json(.array(rows.map { Self.row($0.1, $0.0, in: id) }))
        }
    }

    static func row(_ object: SupabaseObject, _ key: String, in id: String) -> JSON {
        .object([
            "id": .string(object.id), "name": .string(key), "bucket_id": .string(id), "owner": .null,
            "owner_id": .null, "version": .string(object.version), "metadata": object.metadata,
            "user_metadata": object.userMetadata, "created_at": SupabaseText.json(object.created),
            "updated_at": SupabaseText.json(object.updated), "last_accessed_at": SupabaseText.json(object.created),
        ])
    }

    private struct Journey {
        let source: String
        let sourceBucket: String
        let target: String
        let targetBucket: String

        init(_ body: JSON) throws(SupabaseError) {
            sourceBucket = try body.text("bucketId")
            source = try body.text("sourceKey")
            target = try body.text("destinationKey")
            targetBucket = body["destinationBucket"].string ?? sourceBucket
        }
    }

    /// Moves the row to another name; its id and `created_at` stay, its version and `updated_at` do not.
    func move(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        json(request) { [self] body throws(SupabaseError) in
            let role = try role(of: request)
            let journey = try Journey(body)
            guard SupabaseRules.isKey(journey.target) else { throw .invalidKey(journey.target) }
            try withState { state throws(SupabaseError) in
                guard role.isService, var object = state.buckets[journey.sourceBucket]?[journey.source] else {
                    throw .noSuchKey
                }
                let isSame = journey.source == journey.target && journey.sourceBucket == journey.targetBucket
                if isSame { return }
                guard state.buckets[journey.targetBucket] != nil else {
                    throw SupabaseError(404, "InvalidRequest", "The related resource does not exist")
                }
                guard state.buckets[journey.targetBucket]?[journey.target] == nil else { throw .resourceExists }
                guard object.size <= state.configuration.largestCopy else { throw .copyTooLarge }
                guard object.bytes != nil else { throw .backendNoSuchKey }
                object.version = SupabaseText.uuid()
                object.updated = state.now
                state.buckets[journey.sourceBucket]?[journey.source] = nil
                _ = state.put(object, as: journey.target, in: journey.targetBucket)
            }
            return .json(["message": "Successfully moved"])
        }
    }

    func copy(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        json(request) { [self] body throws(SupabaseError) in
            let role = try role(of: request)
            let journey = try Journey(body)
            guard SupabaseRules.isKey(journey.target) else { throw .invalidKey(journey.target) }
            let row = try withState { state throws(SupabaseError) in
                guard role.isService, var object = state.buckets[journey.sourceBucket]?[journey.source] else {
                    throw .noSuchKey
                }
                guard state.buckets[journey.targetBucket] != nil else {
                    throw SupabaseError(404, "InvalidRequest", "The related resource does not exist")
                }
                try state.mayWrite(
                    journey.target, in: journey.targetBucket, isUpsert: request.isUpsert, as: role)
                guard object.size <= state.configuration.largestCopy else { throw .copyTooLarge }
                guard object.bytes != nil else { throw .backendNoSuchKey }
                if body["copyMetadata"].bool == false {
                    object.contentType = body["metadata"]["mimetype"].string ?? object.contentType
                    object.cacheControl = body["metadata"]["cacheControl"].string ?? object.cacheControl
                    object.userMetadata = Self.userMetadata(ofBase64: request.headers["x-metadata"])
                }
                object.id = SupabaseText.uuid()
                object.version = SupabaseText.uuid()
                object.created = state.now
                object.updated = object.created
                return state.put(object, as: journey.target, in: journey.targetBucket)
            }
            let told: JSON = [
                "Id": .string(row.id), "Key": .string("\(journey.targetBucket)/\(journey.target)"),
            ]
            return .json(told.merging(Self.row(row, journey.target, in: journey.targetBucket)))
        }
    }
}

extension SupabaseError {
    /// S3's own word for bytes that are gone, which copies hand on.
    static let backendNoSuchKey = SupabaseError(
        404, "S3Error", "NoSuchKey", error: "The specified key does not exist.")
}

extension JSON {
    /// The members of both objects; the other's count where both have one.
    func merging(_ other: JSON) -> JSON {
        guard case .object(let left) = self, case .object(let right) = other else { return other }
        return .object(left.merging(right) { $1 })
    }
}
