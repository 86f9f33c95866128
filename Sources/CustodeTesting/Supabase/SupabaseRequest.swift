import NIOCore
import NIOHTTP1

/// A request's head, taken apart.
struct SupabaseRequest: Sendable {
    let method: String
    /// The target as it came.
    let target: String
    /// The path below the base, not decoded and with its slash, or nil if it is outside of the base.
    let path: String?
    /// The decoded segments of that path; a segment may hold a slash.
    let segments: [String]
    /// The decoded parameters behind the question mark.
    let query: [String: String]
    let headers: HeaderList
    /// The told length of the body, or nil for a chunked one or none.
    let length: Int?
    let isChunked: Bool

    /// The path in front of the server, as the gateway has it.
    static let base = "/storage/v1"

    init(_ head: HTTPRequestHead) {
        method = head.method.rawValue
        target = head.uri
        headers = HeaderList(fields: head.headers.map { (name: $0.name, value: $0.value) })
        length = head.headers.first(name: "Content-Length").flatMap { Int($0) }
        isChunked = head.headers["Transfer-Encoding"].contains { $0.lowercased().contains("chunked") }
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let whole = String(parts.first ?? "")
        path = whole.hasPrefix(Self.base + "/") ? String(whole.dropFirst(Self.base.count)) : nil
        segments = (path ?? "").dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            .map { SupabaseText.percentDecoded($0) ?? String($0) }
        query = parts.count < 2 ? [:] : Self.parameters(of: String(parts[1]))
    }

    private static func parameters(of text: String) -> [String: String] {
        var found: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let sides = pair.replacing("+", with: " ").split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let texts = sides.map { SupabaseText.percentDecoded($0) ?? String($0) }
            if let name = texts.first { found[name] = texts.count > 1 ? texts[1] : "" }
        }
        return found
    }

    /// The request line, against which faults are matched.
    var line: String { "\(method) \(target) HTTP/1.1" }

    /// Whether a body follows.
    var hasBody: Bool { isChunked || (length ?? 0) > 0 }

    /// Whether an existing object may be replaced.
    var isUpsert: Bool { headers["x-upsert"] == "true" }

    /// The key path that begins at this segment.
    func key(from index: Int) -> String {
        segments.dropFirst(index).joined(separator: "/")
    }
}
