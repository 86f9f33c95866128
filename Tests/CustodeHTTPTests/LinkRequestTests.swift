import CustodeCore
import NIOCore
import Testing

@testable import CustodeHTTP

@Suite("links somebody asks for")
struct LinkRequestTests {
    private static let policyFile: [String: PolicyValue] = [
        "objects.input.families": .list(["audio"]), "objects.input.max_bytes": .scalar("1GiB"),
        "objects.input.extensions": .list(["wav"]), "jobs.stream.input.families": .list(["audio"]),
        "jobs.stream.input.max_bytes": .scalar("1GiB"), "links.default_ttl": .scalar("120s"),
        "links.max_ttl": .scalar("15m"),
    ]

    private func terms(_ json: String) throws -> LinkRequest.Terms {
        try LinkRequest.decode(LinkRequest.self, from: ByteBuffer(string: json))
            .terms(Policy(file: Self.policyFile, environment: [:]))
    }

    @Test("a request that only names the object is for a download of the default life")
    func defaults() throws {
        let terms = try terms(#"{"object":"input"}"#)
        #expect(terms.object == .input && terms.operation == .download && terms.ttl == .seconds(120))
        #expect(terms.disposition == .attachment && !terms.once && terms.maximumBytes == nil)
    }

    @Test("everything that can be asked for is granted as asked")
    func everything() throws {
        let download = try terms(
            #"{"object":"input","operation":"download","ttl_seconds":900,"disposition":"inline","once":true,"job_id":"42"}"#
        )
        #expect(download.ttl == .seconds(900) && download.disposition == .inline && download.once)
        let upload = try terms(#"{"object":"input","operation":"upload","ttl_seconds":1,"max_bytes":5}"#)
        #expect(upload.operation == .upload && upload.ttl == .seconds(1) && upload.maximumBytes == 5)
    }

    @Test(
        "what cannot be granted is 400",
        arguments: [
            #"{"object":"input","ttl_seconds":0}"#, #"{"object":"input","ttl_seconds":-1}"#,
            #"{"object":"input","ttl_seconds":901}"#,
            #"{"object":"input","ttl_seconds":9223372036854775807}"#, #"{"object":"input","ttl_seconds":1.5}"#,
            #"{"object":"input","ttl_seconds":"60"}"#, #"{"object":"input","ttl_seconds":1e99}"#,
            #"{"object":"input","operation":"delete"}"#, #"{"object":"input","operation":"Download"}"#,
            #"{"object":"input","disposition":"form-data"}"#, #"{"object":"input","once":"yes"}"#,
            #"{"object":"input","once":1}"#,
            #"{"object":"input","max_bytes":5}"#, #"{"object":"input","operation":"upload","max_bytes":0}"#,
            #"{"object":"input","operation":"upload","max_bytes":-5}"#, #"{"object":7}"#, #"{}"#, #"[]"#, #"null"#,
            #""input""#, "", "{",
            #"{"object":"input"} x"#, "\u{0}", #"{"object":"input","object":"json"}"#,
            #"{"object":"input","o\u0062ject":"json"}"#,
        ])
    func refused(json: String) {
        let error = #expect(throws: Refusal.self) { try terms(json) }
        guard case .badRequest(let detail)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!detail.isEmpty)
    }

    @Test("an object that nobody has is 404", arguments: ["poem", "", "Input", "input/../x", "objects"])
    func unknownObject(name: String) {
        #expect(throws: Refusal.notFound) { try terms("{\"object\":\"\(name)\"}") }
    }
}
