import Foundation
import NIOCore

/// A row of the objects table, with the bytes it stands for.
struct SupabaseObject: Sendable {
    var id = SupabaseText.uuid()
    var version = SupabaseText.uuid()
    var size: Int
    var contentType: String
    var cacheControl: String
    var etag: String
    var userMetadata: JSON
    var created: Date
    var updated: Date
    /// The place in the table, which is the order in which a deletion tells the rows.
    var place = 0
    /// Nil when the row is there and the bytes are gone.
    var bytes: ByteBuffer?

    /// The server's own metadata, as the row has it.
    var metadata: JSON {
        .object([
            "eTag": .string(etag), "size": .number(Double(size)), "mimetype": .string(contentType),
            "cacheControl": .string(cacheControl), "lastModified": SupabaseText.json(updated),
            "contentLength": .number(Double(size)), "httpStatusCode": 200,
        ])
    }
}

/// A row of the buckets table, with the objects that belong to it.
struct SupabaseBucket: Sendable {
    var name: String
    var isPublic = false
    var limit: Int?
    var types: [String]?
    var created: Date
    var updated: Date
    private(set) var objects: [String: SupabaseObject] = [:]
    private var sorted: [String]?

    init(name: String, created: Date) {
        self.name = name
        self.created = created
        updated = created
    }

    subscript(_ key: String) -> SupabaseObject? {
        get { objects[key] }
        set {
            if (objects[key] == nil) != (newValue == nil) { sorted = nil }
            objects[key] = newValue
        }
    }

    mutating func removeAll() {
        objects = [:]
        sorted = nil
    }

    /// The keys in the order of their bytes: strings of ASCII compare so.
    mutating func keys() -> [String] {
        if let sorted { return sorted }
        let keys = objects.keys.sorted()
        sorted = keys
        return keys
    }

    func json(id: String) -> JSON {
        .object([
            "id": .string(id), "name": .string(name), "owner": "", "public": .bool(isPublic),
            "file_size_limit": limit.map { .number(Double($0)) } ?? .null,
            "allowed_mime_types": types.map { .array($0.map(JSON.string)) } ?? .null,
            "created_at": SupabaseText.json(created), "updated_at": SupabaseText.json(updated),
        ])
    }
}

/// All that the stand-in knows.
struct SupabaseState: Sendable {
    /// Where traces came from, request by request.
    var traceParents: [String] = []
    var configuration: SupabaseStandIn.Configuration
    var buckets: [String: SupabaseBucket] = [:]
    var uploads: [String: SupabaseUpload] = [:]
    var troubles: [SupabaseTrouble] = []
    var requests: [SupabaseStandIn.Request] = []
    var quotaExceeded: SupabaseStandIn.ReplyKind?
    var isPaused = false
    var keysAreOver = false
    var losesDeletes = false
    var clockSkew: Duration = .zero
    private var lastPlace = 0

    init(_ configuration: SupabaseStandIn.Configuration) {
        self.configuration = configuration
    }

    /// The server's time.
    var now: Date { Date().addingTimeInterval(clockSkew.interval) }

    /// The bucket as its owner sees it.
    func bucket(_ id: String) throws(SupabaseError) -> SupabaseBucket {
        guard let bucket = buckets[id] else { throw .noSuchBucket }
        return bucket
    }

    /// The object, if this role may see its row.
    func object(_ key: String, in id: String, as role: SupabaseRole) throws(SupabaseError) -> SupabaseObject {
        guard SupabaseRules.isKey(key) else { throw .invalidKey(key) }
        guard role.isService || buckets[id]?.isPublic == true, let object = buckets[id]?[key] else { throw .noSuchKey }
        return object
    }

    /// Whether this role may write here, and nothing is in the way.
    func mayWrite(_ key: String, in id: String, isUpsert: Bool, as role: SupabaseRole) throws(SupabaseError) {
        guard SupabaseRules.isKey(key) else { throw .invalidKey(key) }
        guard role.isService else { throw .rowSecurity }
        guard isUpsert || buckets[id]?[key] == nil else { throw .keyExists }
    }

    /// Puts a row, over the one of its name if there is one, which keeps its id and its date.
    mutating func put(_ object: SupabaseObject, as key: String, in id: String) -> SupabaseObject {
        var row = object
        if let old = buckets[id]?[key] {
            row.id = old.id
            row.created = old.created
        }
        lastPlace += 1
        row.place = lastPlace
        buckets[id]?[key] = row
        return row
    }
}

/// Whom the database takes a request to come from.
enum SupabaseRole: Sendable, Equatable {
    /// The role that row-level security does not bind.
    case service
    /// Any other, for which there are no policies.
    case bound

    var isService: Bool { self == .service }
}

/// The rules of names and types.
enum SupabaseRules {
    private static let keyBytes = Set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/!.*'() &$=@;:+,?-".utf8)

    static func isKey(_ key: String) -> Bool {
        !key.isEmpty && key.utf8.allSatisfy(keyBytes.contains)
    }

    static func isBucketName(_ name: String) -> Bool {
        isKey(name) && !name.contains("/") && name.utf8.count <= 100 && !name.hasSuffix("--table-s3")
    }

    /// The placeholder of an empty folder, which must be empty and may be of any type.
    static func isPlaceholder(_ key: String) -> Bool {
        key.hasSuffix(".emptyFolderPlaceholder")
    }

    /// Whether a declared type is allowed; its parameters count as a part of it.
    static func allows(_ type: String, _ allowed: [String]?) throws(SupabaseError) {
        guard let allowed, !allowed.isEmpty else { return }
        let sides = type.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2 else { throw .invalidType(type) }
        let hit = allowed.contains { $0 == type || $0 == "*/*" || $0 == sides[0] + "/*" }
        guard hit else { throw .invalidType(type) }
    }

    /// A size in bytes: a number, or a text such as `100MB`, whose units are decimal.
    static func size(_ value: JSON) throws(SupabaseError) -> Int? {
        if let number = value.int { return number }
        guard let text = value.string?.lowercased() else { return nil }
        let units = [("gb", 1e9), ("mb", 1e6), ("kb", 1e3), ("b", 1)]
        guard let (unit, factor) = units.first(where: { text.hasSuffix($0.0) }),
            let number = Double(text.dropLast(unit.count))
        else {
            throw SupabaseError(
                400, "InvalidRequest", "Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B")
        }
        return Int(number * factor)
    }
}
