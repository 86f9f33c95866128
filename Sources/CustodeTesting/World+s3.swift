extension World {
    /// The settings by which the service comes to the gateway's buckets.
    public static let s3Keys = [
        "CUSTODE_S3_ACCESS_KEY": PrivateRGW.custode.accessKey, "CUSTODE_S3_SECRET_KEY": PrivateRGW.custode.secretKey,
    ]

    /// Starts a world of a test's own whose bucket is a new one of an S3 gateway, the shared one unless said otherwise.
    ///
    /// - Parameter endpoint: That of a proxy that the service is to go by way of.
    public static func startOnS3(
        settings: [String: String] = [:], gateway: PrivateRGW? = nil, endpoint: String? = nil
    ) async throws -> World {
        let world = try await prepareOnS3(settings: settings, gateway: gateway, endpoint: endpoint)
        try await world.begin()
        return world
    }

    /// The same without schema and without starting the service.
    public static func prepareOnS3(
        settings: [String: String] = [:], gateway: PrivateRGW? = nil, endpoint: String? = nil
    ) async throws -> World {
        let shared = if let gateway { gateway } else { try await PrivateRGW.shared() }
        let bucket = try await S3Bucket.make(at: shared)
        let all = s3Keys.merging(["CUSTODE_BUCKET": bucket.setting(by: endpoint)]) { $1 }.merging(settings) { $1 }
        return try await prepare(settings: all, s3: bucket)
    }

    /// The S3 bucket.
    ///
    /// Throws if the world's bucket is a folder.
    public var objects: S3Bucket {
        get throws {
            guard let s3 else { throw HarnessError("the bucket is a folder") }
            return s3
        }
    }

    /// Another service of the same database, bucket, keys and state, which does not run yet.
    public func replica(_ settings: [String: String] = [:]) throws -> CustodeProcess {
        let own = ["CUSTODE_LISTEN", "CUSTODE_ADMIN_LISTEN"]
        let same = service.settings.filter { !own.contains($0.key) }
        return try CustodeProcess(
            database: database.uri, bucket: "", keys: [], settings: same.merging(settings) { $1 })
    }
}
