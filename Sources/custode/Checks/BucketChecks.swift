import CustodeCore
import Foundation
import PostgresCatalog
import PostgresClient

/// Looks at the bucket, and at whether it and the database belong together.
struct BucketChecks {
    private static let leastRoom = 0.05

    let parts: Parts

    func run() async -> [Finding] {
        var findings: [Finding] = []
        do {
            findings += try await parts.withBucket { store, _ in
                if let store = store as? any InspectableStore {
                    return await store.inspect().map { Finding($0.name, $0.isGood ? .good : .wrong, $0.detail) }
                }
                try await store.probe()
                return [Finding("bucket", "takes writes")]
            }
        } catch {
            return [Finding("bucket", .wrong, Finding.explanation(error))]
        }
        if case .directory(let path) = try? parts.settings.requireBucket() {
            findings.append(await Finding.of("bucket folder") { try Self.folder(path) })
            findings.append(await Finding.of("bucket room") { try Self.room(path) })
        }
        return findings
    }

    /// Whether bucket and database belong together, without which nothing is collected, and whether anything is.
    func belonging() async -> [Finding] {
        [
            await Finding.of("identity") { try await identity() },
            await Finding.of("collection") { try await collection() },
        ]
    }

    private func identity() async throws -> String {
        let pool = try parts.collectionPool()
        let fault = try await parts.withBucket { store, _ -> String? in
            let mark = parts.bucketMark(store)
            let world = try await parts.collection(pool).circumstances()
            let ours = StorageIdentity(
                uuid: world.uuid, environment: parts.settings.environment, systemID: world.systemID)
            let found = try await mark.read()?.identity
            // The first serve marks it.
            if found == nil, try await mark.isBucketEmpty() { return nil }
            return ours.mismatch(with: found)
        }
        await pool.close()
        if let fault { throw CommandFailure(description: fault) }
        return "bucket and database belong together"
    }

    private func collection() async throws -> String {
        let pool = try parts.collectionPool()
        let sweep = try await parts.collection(pool).lastSweep()
        await pool.close()
        guard let sweep else {
            throw Doubt("custode gc has never run; enable custode-gc.timer, or run it nightly by other means")
        }
        guard sweep.verdict != "blocked" else {
            throw Doubt(
                "the last custode gc was held by the brake \(sweep.brake ?? "of none"); look at custode gc --dry-run")
        }
        let age = (parts.clock.now().microseconds - sweep.ended.microseconds) / 3_600_000_000
        guard age < 72 else { throw Doubt("custode gc last ran \(age / 24) days ago; is custode-gc.timer enabled?") }
        return "custode gc ran \(age) hours ago"
    }

    private static func folder(_ path: String) throws -> String {
        var facts = stat()
        guard unsafe stat(path, &facts) == 0 else { return path }
        guard facts.st_mode & 0o007 == 0 else {
            throw Doubt("every user of this machine may look into \(path); run: chmod o= \(path)")
        }
        return "\(path) is for its owner and group alone"
    }

    private static func room(_ path: String) throws -> String {
        var facts = statvfs()
        guard unsafe statvfs(path, &facts) == 0, facts.f_blocks > 0 else { return "not told" }
        let share = Double(facts.f_bavail) / Double(facts.f_blocks)
        let bytes = Double(facts.f_bavail) * Double(facts.f_frsize)
        let told = "\(Int((share * 100).rounded())) % of the disk, \(Int(bytes / 1e9)) GB, are free"
        guard share >= leastRoom else { throw Doubt("\(told); uploads are refused with 507 when it is full") }
        return told
    }
}
