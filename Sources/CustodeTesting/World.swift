import Foundation

/// A service in its surroundings: a database with the SaaS's tables, a bucket, two users, and the binary serving.
public final class World: Sendable {
    /// The database that the SaaS and the service share.
    public let database: TestDatabase
    /// The service.
    public let service: CustodeProcess
    /// The folder of the bucket; of no use if that is an S3 gateway's.
    public let bucket: String
    /// The bucket, if it is an S3 gateway's.
    public let s3: S3Bucket?
    /// The stand-in for Supabase Storage, if the bucket is of one.
    public let supabase: SupabaseStandIn?
    /// The type of ids in the SaaS's tables.
    public let ids: IDKind
    /// The first user's id.
    public let alice: String
    /// The second user's id.
    public let bob: String
    /// A key with both grants.
    public let bothKey: ServiceKey
    /// A key with the grant `delegate`.
    public let delegateKey: ServiceKey
    /// A key with the grant `artifacts`.
    public let workerKey: ServiceKey

    private static let uuids = Once { try await start() }
    private static let texts = Once { try await start(ids: .text) }

    /// The world of the tests that do not disturb one another; its ids are uuids, its objects `json` at most 64 KiB.
    public static func shared() async throws -> World {
        try await uuids.value()
    }

    /// Another one whose ids are texts, for users of any name.
    public static func sharedWithTextIDs() async throws -> World {
        try await texts.value()
    }

    /// Starts a world of a test's own; `close()` it, or the reaper will.
    ///
    /// Throws if the schema cannot be installed or the service does not become ready.
    public static func start(
        ids: IDKind = .uuid, settings: [String: String] = [:], cluster: PrivatePostgres? = nil,
        bucket: String? = nil
    ) async throws -> World {
        let world = try await prepare(ids: ids, settings: settings, cluster: cluster, bucket: bucket)
        try await world.begin()
        return world
    }

    /// Installs the schema and starts the service.
    func begin() async throws {
        let installed = try await service.run("schema", "install")
        guard installed.status == 0 else {
            throw HarnessError("schema install: exit \(installed.status)\n\(installed.errors)")
        }
        try await service.start()
    }

    /// The same without schema and without starting the service.
    public static func prepare(
        ids: IDKind = .uuid, settings: [String: String] = [:], cluster: PrivatePostgres? = nil,
        bucket: String? = nil, s3: S3Bucket? = nil, supabase: SupabaseStandIn? = nil
    ) async throws -> World {
        let postgres = if let cluster { cluster } else { try await PrivatePostgres.shared() }
        let database = try await postgres.createSaaSDatabase(ids: ids)
        let world = try World(
            ids: ids, database: database, bucket: bucket, s3: s3, supabase: supabase, settings: settings)
        for id in [world.alice, world.bob] { try await world.addUser(id: id) }
        return world
    }

    private init(
        ids: IDKind, database: TestDatabase, bucket: String?, s3: S3Bucket?, supabase: SupabaseStandIn?,
        settings: [String: String]
    ) throws {
        self.ids = ids
        self.s3 = s3
        self.supabase = supabase
        self.database = database
        bothKey = ServiceKey(id: "both", grants: ["delegate", "artifacts"])
        delegateKey = ServiceKey(id: "api", grants: ["delegate"])
        workerKey = ServiceKey(id: "worker", grants: ["artifacts"])
        let folder = try bucket ?? TestFolder().path + "/bucket"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        self.bucket = folder
        let small = ["CUSTODE_POLICY_OBJECTS_JSON_MAX_BYTES": "64KiB"]
        service = try CustodeProcess(
            database: database.uri, bucket: "file://" + folder, keys: [bothKey, delegateKey, workerKey],
            settings: small.merging(settings) { $1 })
        switch ids {
        case .uuid: (alice, bob) = (UUID().uuidString.lowercased(), UUID().uuidString.lowercased())
        case .bigint: (alice, bob) = ("1001", "1002")
        case .text: (alice, bob) = ("auth0|alice", "auth0|bob")
        }
    }

    /// Stops the service.
    public func close() async throws {
        try await service.terminate()
    }
}
