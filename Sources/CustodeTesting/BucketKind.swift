/// The kinds of buckets that every promise is kept on.
public enum BucketKind: String, CaseIterable, Sendable, CustomStringConvertible {
    /// A directory.
    case directory
    /// One of a real Ceph RGW.
    case s3
    /// One of the stand-in for Supabase Storage.
    case supabase

    /// What tests are told apart by.
    public var description: String { rawValue }

    private static let directories = Once { try await World.start() }
    private static let buckets = Once { try await World.startOnS3() }
    private static let projects = Once { try await World.startOnSupabase() }

    /// The world of the tests that do not disturb one another.
    public func shared() async throws -> World {
        switch self {
        case .directory: try await Self.directories.value()
        case .s3: try await Self.buckets.value()
        case .supabase: try await Self.projects.value()
        }
    }

    /// A world of a test's own.
    public func world(_ settings: [String: String] = [:]) async throws -> World {
        switch self {
        case .directory: try await World.start(settings: settings)
        case .s3: try await World.startOnS3(settings: settings)
        case .supabase: try await World.startOnSupabase(settings: settings)
        }
    }

    /// The same without starting the service.
    public func prepare(_ settings: [String: String] = [:]) async throws -> World {
        switch self {
        case .directory: try await World.prepare(settings: settings)
        case .s3: try await World.prepareOnS3(settings: settings)
        case .supabase: try await World.prepareOnSupabase(settings: settings)
        }
    }
}

extension World {
    /// Puts an object into the bucket behind the service's back, whatever kind it is of.
    public func add(_ key: String, _ bytes: [UInt8]) async throws {
        if let supabase {
            supabase.put(key, bytes, in: Self.supabaseBucket)
        } else if let s3 {
            try await s3.put(key, bytes)
        } else {
            try plant(key, bytes)
        }
    }

    /// The bytes that the bucket holds under a key, whatever kind it is of; nil if there are none.
    public func bytes(of key: String) async throws -> [UInt8]? {
        if let supabase {
            return supabase.bytes(of: key, in: Self.supabaseBucket)
        } else if let s3 {
            return try await s3.get(key)
        }
        return stored(key)
    }

    /// The keys in the bucket that begin so, whatever kind it is of, but for its own files.
    public func keys(_ prefix: String = "") async throws -> [String] {
        let all: [String]
        if supabase != nil {
            all = try supabaseKeys(prefix)
        } else if let s3 {
            all = try await s3.keys(prefix)
        } else {
            all = TestFolder.files(below: bucket).keys.filter { $0.hasPrefix(prefix) }
        }
        return all.filter { !$0.hasPrefix(".custode/") }.sorted()
    }
}
