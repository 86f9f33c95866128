import ArgumentParser
import CustodeCore
import Foundation
import HTTPFetch
import Identity
import PostgresCatalog
import PostgresClient

/// `custode check`.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Probes settings, database, bucket, keys and clock, and says how to mend them.",
        discussion: "Exits 1 if anything is wrong. --json prints ok and checks: name, ok, detail.")

    @OptionGroup var options: SettingOptions
    @Flag(help: "Print one JSON object.") var json = false

    private struct Finding: Sendable {
        let name: String
        let isGood: Bool
        let detail: String
    }

    func run() async throws {
        let settings = try options.settings()
        let parts = Parts(settings)
        if !json {
            for (name, value) in settings.effective { print("     \(name.rawValue) = \(value)") }
        }
        var findings = [Finding(name: "settings", isGood: true, detail: "policy \(settings.policyPath)")]
        findings += await database(parts)
        findings += await bucket(parts)
        findings.append(await finding("identity") { try await self.identity(parts) })
        findings.append(
            await finding("link keys") { "key \(try parts.keyRing().activeKey) signs (\(settings.linkKeysPath))" })
        findings.append(
            await finding("service keys") {
                let count = try parts.serviceKeys().count
                guard count > 0 else {
                    throw CommandFailure(
                        description: "none; run custode service-key new, and name the file in CUSTODE_SERVICE_KEYS")
                }
                return "\(count) known"
            })
        if let (_, url) = settings.userTokens {
            findings.append(await finding("user tokens") { try await Self.keySet(url) })
        }
        report(findings)
        if findings.contains(where: { !$0.isGood }) { throw ExitCode(1) }
    }

    private func database(_ parts: Parts) async -> [Finding] {
        let connection: PostgresConnection
        do {
            connection = try await parts.connection()
        } catch {
            return [Finding(name: "database", isGood: false, detail: Self.explanation(error))]
        }
        var findings = [Finding(name: "database", isGood: true, detail: "server \(connection.serverVersion)")]
        findings.append(
            await finding("schema") {
                let status = try await SchemaInstaller(connection).status()
                guard status.isCurrent else { throw SchemaMissing(status) }
                _ = try await SaaSTables(connection)
                return "version \(status.installed)"
            })
        findings.append(await finding("grants") { try await Self.grants(connection) })
        findings.append(
            await finding("clock") {
                let before = parts.clock.now()
                let statement = PostgresStatement(
                    name: nil, "select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
                let theirs = try await connection.query(statement).first?.int(0) ?? 0
                let skew = (theirs - before.microseconds) / 1_000_000
                guard abs(skew) <= 60 else {
                    throw CommandFailure(description: "the database's clock is \(skew) s off ours; run NTP on both")
                }
                return "the database's differs by less than a minute"
            })
        await connection.close()
        return findings
    }

    private func bucket(_ parts: Parts) async -> [Finding] {
        do {
            return try await parts.withBucket { store, _ in
                if let store = store as? any InspectableStore {
                    return await store.inspect().map { Finding(name: $0.name, isGood: $0.isGood, detail: $0.detail) }
                }
                try await store.probe()
                return [Finding(name: "bucket", isGood: true, detail: "takes writes")]
            }
        } catch {
            return [Finding(name: "bucket", isGood: false, detail: Self.explanation(error))]
        }
    }

    /// Whether bucket and database belong together, without which nothing is collected.
    private func identity(_ parts: Parts) async throws -> String {
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

    /// Whether the role may do with the schema's tables what serving takes.
    private static func grants(_ connection: PostgresConnection) async throws -> String {
        let statement = PostgresStatement(
            name: nil,
            """
            select coalesce(string_agg(c.relname, ', ' order by c.relname), '') from pg_class c
            where c.relnamespace = (select oid from pg_namespace where nspname = 'custode') and c.relkind = 'r'
                and not (select bool_and(has_table_privilege(c.oid, w))
                    from unnest(array['select', 'insert', 'update', 'delete']) w)
            """)
        let lacking = try await connection.query(statement).first?.text(0) ?? ""
        guard lacking.isEmpty else {
            throw CommandFailure(
                description:
                    "the role may not use \(lacking) of the schema custode; run policies/database/grants.sql as its owner"
            )
        }
        return "the role may use every table of the schema"
    }

    private static func keySet(_ url: String) async throws -> String {
        let fetcher = try Fetcher(certificates: Parts.certificates)
        let document: Result<[UInt8], any Error>
        do {
            document = .success(try await KeySetDownload(url: url, fetcher: fetcher).get())
        } catch {
            document = .failure(error)
        }
        await fetcher.shutdown()
        do {
            let count = try await KeySetSource.keyCount(in: try document.get())
            guard count > 0 else { throw CommandFailure(description: "it holds no key for RS256") }
            return "\(count) keys at \(url)"
        } catch {
            throw CommandFailure(
                description: "\(url) gives no key set: \(error); check CUSTODE_AUTH0_ISSUER and CUSTODE_AUTH0_JWKS_URL")
        }
    }

    private func finding(_ name: String, _ probe: () async throws -> String) async -> Finding {
        do {
            return Finding(name: name, isGood: true, detail: try await probe())
        } catch {
            return Finding(name: name, isGood: false, detail: Self.explanation(error))
        }
    }

    private static func explanation(_ error: any Error) -> String {
        switch error {
        case let error as PostgresError:
            "\(error.message.trimmingCharacters(in: .whitespacesAndNewlines)); check CUSTODE_DATABASE_URL"
        case BlobStoreError.unavailable(let text): "\(text); check CUSTODE_BUCKET and its permissions"
        case BlobStoreError.noRoom: "the bucket's disk is full"
        case let held as BrakeHeld: held.sentence
        default: String(describing: error)
        }
    }

    private func report(_ findings: [Finding]) {
        guard json else {
            for finding in findings {
                print("\(finding.isGood ? "ok  " : "FAIL") \(finding.name): \(finding.detail)")
            }
            return
        }
        let checks = findings.map { ["name": $0.name, "ok": $0.isGood, "detail": $0.detail] as [String: any Sendable] }
        let whole: [String: any Sendable] = ["ok": findings.allSatisfy(\.isGood), "checks": checks]
        if let data = try? JSONSerialization.data(withJSONObject: whole, options: [.sortedKeys]) {
            print(String(decoding: data, as: UTF8.self))
        }
    }
}

extension KeyRing {
    /// The number of the key that signs.
    fileprivate var activeKey: UInt16 { active?.id ?? 0 }
}
