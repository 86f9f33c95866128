import ArgumentParser
import CustodeCore
import Identity
import PostgresCatalog
import PostgresClient

/// `custode link`.
struct LinkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "link", abstract: "Prints a signed link to an object of a job.",
        discussion: "--json prints url, method, expires_at, ttl_seconds, operation, object.")

    @OptionGroup var options: SettingOptions
    @Option(help: "The job's id.") var job: String
    @Option(help: "input, or an artifact kind.") var object: String
    @Option(help: "How long it lives, such as 90s or 2m (default: the policy's links.default_ttl).") var ttl: String?
    @Flag(help: "For one upload instead of downloads.") var upload = false
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        let settings = try options.settings()
        let parts = Parts(settings)
        guard let job = JobID(job), let object = ObjectName(object), settings.policy.rule(for: object) != nil else {
            throw CommandFailure(description: "the policy knows no object called \(object)")
        }
        let life = try self.life(settings.policy)
        let pool = try parts.pool(1)
        let catalog = try await PostgresCatalog(pool: pool, lookups: pool)
        let identity = try await pool.withConnection { try await SchemaInstaller($0).status().identity }
        guard let found = try await catalog.find(job, object) else {
            throw CommandFailure(description: "there is no job \(job)")
        }
        guard upload || found.reference != nil else {
            throw CommandFailure(description: "job \(job) has no \(object) to download")
        }
        let signer = parts.signer(LinkKeys(try parts.keyRing()), identity: identity ?? "")
        let claims = LinkClaims(
            operation: upload ? .upload : .download, expires: signer.expiry(ttl: life), job: found.job,
            object: object, epoch: found.linkEpoch, owner: found.owner.fingerprint,
            nonce: parts.random.bytes(LinkClaims.nonceLength))
        guard let token = signer.sign(claims) else { throw CommandFailure(description: "no key may sign") }
        let url = "\(settings.publicURL)/\(upload ? "u" : "o")/\(token)"
        print(json ? Self.json(url, claims, life) : url)
        await pool.close()
    }

    private func life(_ policy: Policy) throws -> Duration {
        guard let ttl else { return policy.links.defaultTTL }
        guard let life = Quantity.duration(ttl), life >= .seconds(1), life <= policy.links.maximumTTL else {
            throw ValidationError("--ttl goes from 1s to \(policy.links.maximumTTL.components.seconds)s")
        }
        return life
    }

    private static func json(_ url: String, _ claims: LinkClaims, _ life: Duration) -> String {
        "{\"url\":\"\(url)\",\"method\":\"\(claims.operation == .upload ? "PUT" : "GET")\","
            + "\"expires_at\":\"\(claims.expiresAt.rfc3339)\",\"ttl_seconds\":\(life.components.seconds),"
            + "\"operation\":\"\(claims.operation.name)\",\"object\":\"\(claims.object)\"}"
    }
}
