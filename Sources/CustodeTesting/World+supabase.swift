extension World {
    /// The name of the bucket that a service makes at a stand-in.
    public static let supabaseBucket = "recordings"

    /// Starts a world of a test's own whose bucket is one of a stand-in for Supabase Storage, which the service makes.
    ///
    /// - Parameter url: That of a proxy before the stand-in that the service is to go by way of.
    public static func startOnSupabase(
        ids: IDKind = .uuid, settings: [String: String] = [:], standIn: SupabaseStandIn? = nil, url: String? = nil
    ) async throws -> World {
        let world = try await prepareOnSupabase(ids: ids, settings: settings, standIn: standIn, url: url)
        try await world.begin()
        return world
    }

    /// The same without schema and without starting the service.
    public static func prepareOnSupabase(
        ids: IDKind = .uuid, settings: [String: String] = [:], standIn: SupabaseStandIn? = nil, url: String? = nil
    ) async throws -> World {
        let service = if let standIn { standIn } else { try await SupabaseStandIn.start() }
        let own = [
            "CUSTODE_BUCKET": "supabase://\(supabaseBucket)?url=\(url ?? service.url)",
            "CUSTODE_SUPABASE_KEY": service.serviceKey,
        ]
        return try await prepare(ids: ids, settings: own.merging(settings) { $1 }, supabase: service)
    }

    /// The stand-in that the bucket is of.
    ///
    /// Throws if the world's bucket is another kind's.
    public var standIn: SupabaseStandIn {
        get throws {
            guard let supabase else { throw HarnessError("the bucket is no Supabase project's") }
            return supabase
        }
    }

    /// The names of the stand-in's objects, by their beginning.
    public func supabaseKeys(_ prefix: String = "") throws -> [String] {
        try standIn.objects(in: Self.supabaseBucket).map(\.name).filter { $0.hasPrefix(prefix) }.sorted()
    }
}
