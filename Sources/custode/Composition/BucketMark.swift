import CustodeCore
import Foundation

/// The mark by which a bucket tells whose it is: a small JSON file in it.
struct BucketMark: IdentityMarker {
    let store: any CollectableStore
    let environment: String
    let clock: any WallClock

    private struct Stored: Codable {
        let uuid: String
        let environment: String
        let systemID: String
        /// Makes each mark another one: what was known of a bucket before it changed hands does not count.
        let markedAt: String

        enum CodingKeys: String, CodingKey {
            case uuid, environment
            case systemID = "postgres_system_id"
            case markedAt = "marked_at"
        }
    }

    /// What an attempt to mark a bucket led to.
    enum Claim: Equatable {
        case marked
        case alreadyOurs
        case refused(String)

        /// For people.
        var sentence: String {
            switch self {
            case .marked: "the bucket is marked as this database's"
            case .alreadyOurs: "the bucket is this database's"
            case .refused(let reason): "the bucket was not marked: \(reason)"
            }
        }
    }

    func read() async throws -> (identity: StorageIdentity, mark: String)? {
        guard let bytes = try await store.marker() else { return nil }
        guard let stored = try? JSONDecoder().decode(Stored.self, from: Data(bytes)) else {
            throw BrakeHeld(
                .identity,
                "the bucket's .custode/identity.json cannot be read as one; if the bucket is this database's, run: "
                    + "custode schema install --adopt")
        }
        let identity = StorageIdentity(
            uuid: stored.uuid, environment: stored.environment, systemID: stored.systemID)
        return (identity, String(decoding: bytes, as: UTF8.self))
    }

    func set(_ identity: StorageIdentity) async throws {
        let stored = Stored(
            uuid: identity.uuid, environment: identity.environment, systemID: identity.systemID,
            markedAt: clock.now().rfc3339)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        try await store.setMarker([UInt8](try encoder.encode(stored)) + [0x0A])
    }

    /// Marks the bucket if nobody did and it is empty, or if an operator says so.
    func claim(_ circumstances: Circumstances, adopt: Bool) async throws -> Claim {
        let ours = StorageIdentity(
            uuid: circumstances.uuid, environment: environment, systemID: circumstances.systemID)
        let found: StorageIdentity?
        do {
            found = try await read()?.identity
            guard ours.mismatch(with: found) != nil else { return .alreadyOurs }
        } catch let unreadable as BrakeHeld {
            guard adopt else { return .refused(unreadable.sentence) }
            found = nil
        }
        if !adopt {
            let isUnmarkedAndEmpty = found == nil ? try await isBucketEmpty() : false
            guard isUnmarkedAndEmpty else { return .refused(ours.mismatch(with: found) ?? "") }
        }
        try await set(ours)
        return .marked
    }

    /// Whether the bucket holds nothing but what is collection's own.
    func isBucketEmpty() async throws -> Bool {
        try await store.list(ListingScope(excluding: [TrashPlace.root, ".custode/"])).next() == nil
    }
}
