import CustodeCore
import Foundation
import HTTPFetch
import Identity
import KeySets

/// Looks at what is set and may not be what somebody means, and at the files that settings name.
struct SettingChecks {
    private static let fewConnections = 1_000

    let parts: Parts

    private var settings: Settings { parts.settings }

    func run() async -> [Finding] {
        [
            Finding("settings", "policy \(settings.policyPath)"),
            await Finding.of("public url") { try publicURL() },
            await Finding.of("admin listener") { try adminListener() },
            await Finding.of("open files") { try openFiles() },
        ]
    }

    func keys() async -> [Finding] {
        var findings = [
            await Finding.of("link keys") {
                "key \(try parts.keyRing().active?.id ?? 0) signs (\(settings.linkKeysPath))"
            },
            await Finding.of("service keys") { try serviceKeys() },
        ]
        if let (_, url) = settings.userTokens {
            findings.append(await Finding.of("user tokens") { try await Self.keySet(url) })
        }
        return findings
    }

    private func publicURL() throws -> String {
        let url = settings.publicURL
        let host = URL(string: url)?.host() ?? ""
        let isLocal = Self.isLoopback(host) || ["0.0.0.0", "[::]", "::"].contains(host)
        if isLocal, !Self.isLoopback(settings.listen.host) || settings.environment == "production" {
            throw Doubt("links begin with \(url), which nobody else can open; set CUSTODE_PUBLIC_URL")
        }
        if url.hasPrefix("http:"), !isLocal {
            throw Doubt("links begin with \(url): whoever stands between can read and use them; make it https")
        }
        return "links begin with \(url)"
    }

    private func adminListener() throws -> String {
        guard !["0.0.0.0", "::"].contains(settings.adminListen.host) else {
            throw Doubt(
                "\(settings.adminListen) answers everybody who can reach this machine; listen on 127.0.0.1 or a private address"
            )
        }
        return "\(settings.adminListen)"
    }

    private func openFiles() throws -> String {
        let limit = FileLimit.raised()
        guard limit.connections >= Self.fewConnections else {
            throw Doubt(
                "there may be but \(limit.connections) connections; raise the limit on open files (LimitNOFILE=, ulimit -Hn)"
            )
        }
        return "\(limit.connections) connections, \(limit.transfers) of them with an object"
    }

    private func serviceKeys() throws -> String {
        let count = try parts.serviceKeys().count
        guard count > 0 || settings.userTokens != nil else {
            throw CommandFailure(
                description: "none; run custode service-key new, and name the file in CUSTODE_SERVICE_KEYS")
        }
        if let path = settings.serviceKeysPath {
            var facts = stat()
            if unsafe stat(path, &facts) == 0, facts.st_mode & 0o002 != 0 {
                throw CommandFailure(
                    description: "everybody on this machine may add keys to \(path); run: chmod o-w \(path)")
            }
        }
        return "\(count) known"
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host.hasPrefix("127.") || host == "::1" || host == "[::1]"
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
}
