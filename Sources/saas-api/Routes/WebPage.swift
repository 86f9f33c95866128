import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Identity
import NIOCore

/// The page and what it must know: files that are part of the program.
struct WebPage: Sendable {
    let settings: Settings

    /// What browsers are to hold the page to: nothing from elsewhere, no code in the document.
    ///
    /// - Parameters:
    ///   - issuer: Where its users sign in.
    ///   - custode: Where their bytes go.
    static func policy(issuer: String, custode: String) -> String {
        let origins = [issuer, custode].compactMap(origin).joined(separator: " ")
        return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            + "connect-src 'self' \(origins); form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    }

    private static func origin(_ text: String) -> String? {
        guard let url = URL(string: text), let scheme = url.scheme, let host = url.host(percentEncoded: true) else {
            return nil
        }
        return "\(scheme)://\(host)" + (url.port.map { ":\($0)" } ?? "")
    }

    private static let files: [(name: String, bytes: [UInt8])] = [
        ("api.js", PackageResources.api_js),
        ("flow.js", PackageResources.flow_js),
        ("main.js", PackageResources.main_js),
        ("problem.js", PackageResources.problem_js),
        ("screen-job.js", PackageResources.screen_job_js),
        ("screen-jobs.js", PackageResources.screen_jobs_js),
        ("screen-new.js", PackageResources.screen_new_js),
        ("session.js", PackageResources.session_js),
        ("style.css", PackageResources.style_css),
        ("upload.js", PackageResources.upload_js),
        ("view.js", PackageResources.view_js),
    ]

    /// Adds the files, for everybody.
    func add(to router: Router<SaaSContext>) {
        add(PackageResources.index_html, "text/html", at: "/", to: router)
        for (name, bytes) in Self.files {
            add(bytes, name.hasSuffix(".css") ? "text/css" : "text/javascript", at: "/" + name, to: router)
        }
        add(Array("alive\n".utf8), "text/plain", at: "/healthz", to: router)
        let config = Config(settings)
        router.get("/saas/config") { _, _ in Response.json(config) }
    }

    private func add(_ bytes: [UInt8], _ type: String, at path: String, to router: Router<SaaSContext>) {
        // As new as the program, which is asked each time.
        let headers: HTTPFields = [.contentType: type + "; charset=utf-8", .cacheControl: "no-cache"]
        router.get(RouterPath(path)) { _, _ in
            Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
        }
        router.head(RouterPath(path)) { _, _ in
            Response(
                status: .ok, headers: headers, body: .init(contentLength: bytes.count) { try await $0.finish(nil) })
        }
    }

    /// What the page goes by.
    private struct Config: Encodable {
        struct Pack: Encodable {
            let id: String
            let credits: Int64
        }

        let issuer: String
        let clientId: String
        let audience: String
        let costs: [String: Int64]
        let packs: [Pack]

        init(_ settings: Settings) {
            issuer = settings.tokens.issuer
            clientId = settings.clientID
            audience = settings.tokens.audience
            costs = Dictionary(
                uniqueKeysWithValues: settings.costs.filter { settings.calls.endpoints[$0.key] != nil }
                    .map { ($0.key.rawValue, $0.value) })
            packs = (settings.stripe?.packs ?? []).map { Pack(id: "\($0.credits)", credits: $0.credits) }
        }
    }
}
