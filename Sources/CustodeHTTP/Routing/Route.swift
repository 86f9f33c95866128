internal import CustodeCore
internal import HTTPTypes

/// Every path of the public listener.
///
/// Paths are compared as they were sent, segment by segment: nothing is folded, nothing decoded but the
/// job's id, once.
enum Route: Sendable, Equatable {
    /// `/v1/jobs/{job}/objects`
    case objects(job: String)
    /// `/v1/jobs/{job}/links`
    case jobLinks(job: String)
    /// `/v1/jobs/{job}/{object}`
    case object(job: String, name: String)
    /// `/v1/links`
    case links
    /// `/o/{token}` and `/o/{token}/{name}`
    case download(token: String)
    /// `/u/{token}`
    case upload(token: String)
    /// `/u/{token}/{upload}`
    case linkedUpload(token: String, id: String)
    /// `/v1/uploads`
    case uploads
    /// `/v1/uploads/{upload}`
    case resumable(id: String)
    /// `/openapi.json`
    case openAPI
    /// `/docs`
    case docs

    /// The longest request target that is looked at, in bytes.
    static let maximumTargetLength = 8_192

    /// Finds the route of a path; `nil` if there is none.
    init?(path: Substring) {
        // By bytes: characters cost more to find, and could swallow a slash.
        let segments = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard segments.count >= 2, segments[0].isEmpty else { return nil }
        let first = String(Substring(segments[1]))
        switch (segments.count, first) {
        case (2, "openapi.json"): self = .openAPI
        case (2, "docs"): self = .docs
        case (3, "v1") where segments[2].elementsEqual("links".utf8): self = .links
        case (3, "v1") where segments[2].elementsEqual("uploads".utf8): self = .uploads
        case (4, "v1") where segments[2].elementsEqual("uploads".utf8):
            self = .resumable(id: String(Substring(segments[3])))
        case (5, "v1") where segments[2].elementsEqual("jobs".utf8):
            let job = String(Substring(segments[3]))
            let last = String(Substring(segments[4]))
            switch last {
            case "objects": self = .objects(job: job)
            case "links": self = .jobLinks(job: job)
            default: self = .object(job: job, name: last)
            }
        case (3, "o"), (4, "o"): self = .download(token: String(Substring(segments[2])))
        case (3, "u"): self = .upload(token: String(Substring(segments[2])))
        case (4, "u"):
            self = .linkedUpload(token: String(Substring(segments[2])), id: String(Substring(segments[3])))
        default: return nil
        }
    }

    /// The methods it answers, as `Allow` lists them.
    var methods: [HTTPRequest.Method] {
        switch self {
        case .objects: [.get, .head]
        case .jobLinks: [.post, .delete]
        case .object: [.get, .head, .put, .delete, .options]
        case .links: [.post]
        case .download: [.get, .head]
        case .upload: [.put, .options]
        case .uploads: [.post, .options]
        case .resumable, .linkedUpload: [.head, .get, .patch, .delete, .options]
        case .openAPI, .docs: [.get, .head]
        }
    }

    /// Whether it is where resumable uploads are made or gone on with, and nothing else.
    var isOfUploads: Bool {
        switch self {
        case .uploads, .resumable, .linkedUpload: true
        default: false
        }
    }

    /// The path with names for what varies: what logs and metrics may say of it.
    var template: String {
        switch self {
        case .objects: "/v1/jobs/{job}/objects"
        case .jobLinks: "/v1/jobs/{job}/links"
        case .object: "/v1/jobs/{job}/{object}"
        case .links: "/v1/links"
        case .download: "/o/{token}/{name}"
        case .upload: "/u/{token}"
        case .linkedUpload: "/u/{token}/{upload}"
        case .uploads: "/v1/uploads"
        case .resumable: "/v1/uploads/{upload}"
        case .openAPI: "/openapi.json"
        case .docs: "/docs"
        }
    }
}

/// A request target taken apart (RFC 9112 §3.2): the path and the query, whichever form it was sent in.
struct RequestTarget {
    let path: Substring
    let query: Substring

    init(_ target: String) {
        var rest = target.utf8[...]
        if rest.first != UInt8(ascii: "/"), let scheme = target.firstRange(of: "://") {
            rest = rest[scheme.upperBound...]
            let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
            rest = end.map { rest[$0...] } ?? "/".utf8[...]
        }
        if let fragment = rest.firstIndex(of: UInt8(ascii: "#")) { rest = rest[..<fragment] }
        if let mark = rest.firstIndex(of: UInt8(ascii: "?")) {
            path = Substring(rest[..<mark])
            query = Substring(rest[rest.index(after: mark)...])
        } else {
            path = Substring(rest)
            query = ""
        }
    }

    /// The one value of a query parameter; `nil` if it is absent.
    ///
    /// - Throws: `badRequest` if it is given more than once.
    func parameter(_ name: String) throws(Refusal) -> String? {
        var found: String?
        // By bytes, as paths are: a character could swallow what parts two.
        for pair in query.utf8.split(separator: UInt8(ascii: "&")) {
            let key = pair.prefix { $0 != UInt8(ascii: "=") }
            guard key.elementsEqual(name.utf8) else { continue }
            guard found == nil else { throw .badRequest("The parameter \(name) is given more than once.") }
            found = PercentEncoding.decode(Substring(pair.dropFirst(key.count + 1))) ?? ""
        }
        return found
    }
}
