import HTTPTypes
import Testing

@testable import CustodeHTTP

@Suite("routes")
struct RouteTests {
    @Test(
        "every documented path has its route",
        arguments: [
            ("/v1/jobs/42/objects", Route.objects(job: "42")), ("/v1/jobs/42/links", .jobLinks(job: "42")),
            ("/v1/jobs/42/input", .object(job: "42", name: "input")),
            ("/v1/jobs/42/transcript", .object(job: "42", name: "transcript")), ("/v1/links", .links),
            ("/o/token", .download(token: "token")), ("/o/token/name.txt", .download(token: "token")),
            ("/o/token/", .download(token: "token")), ("/u/token", .upload(token: "token")),
            ("/openapi.json", .openAPI), ("/docs", .docs), ("/v1/uploads", .uploads),
            ("/v1/uploads/abc", .resumable(id: "abc")),
            ("/u/token/abc", .linkedUpload(token: "token", id: "abc")),
        ])
    func documented(path: String, route: Route) {
        #expect(Route(path: path[...]) == route)
    }

    @Test(
        "a path that is only close has none: nothing is folded, nothing decoded",
        arguments: [
            "", "/", "//", "*", "v1/links", "//v1/links", "/v1//links", "/v1/links/", "/v1/./links", "/v1/../v1/links",
            "/V1/links", "/v1/Links", "/v1/link", "/v1", "/v1/", "/v1/jobs", "/v1/jobs/", "/v1/jobs/42",
            "/v1/jobs/42/input/", "/v1/jobs/42//input", "/v1/jobs/42/./input", "/v1/jobs/a/b/input",
            "/v2/jobs/42/input",
            "/%761/links", "/v1%2Flinks", "/v1/jobs%2F42/input", "/openapi.json/", "/docs/", "/Docs", "//openapi.json",
            "/OpenAPI.json",
            "/openapi%2Ejson", "/o", "/u", "/u/token/abc/", "/v1/uploads/a/b", "/o/token/a/b", "//o/token",
            "/./o/token",
            "/o/../o/token", "/O/token", "/healthz", "/metrics", "/v1/upload", "/v1/links\u{301}", "/v1\u{301}/links",
            "/v1/links;x=y", "\\v1\\links",
        ])
    func nearMisses(path: String) {
        #expect(Route(path: path[...]) == nil)
    }

    @Test(
        "odd segments are what they are: no job, token or object is made of their neighbours",
        arguments: [
            ("/v1/jobs//objects", Route.objects(job: "")), ("/v1/jobs/../objects", .objects(job: "..")),
            ("/v1/jobs/./links", .jobLinks(job: ".")), ("/v1/jobs/a%2Fb/input", .object(job: "a%2Fb", name: "input")),
            ("/v1/jobs/42/", .object(job: "42", name: "")), ("/v1/jobs/42/..", .object(job: "42", name: "..")),
            ("/v1/jobs/42/%6Cinks", .object(job: "42", name: "%6Cinks")), ("/o//t", .download(token: "")),
            ("/o/./t", .download(token: ".")), ("/o/", .download(token: "")), ("/u/", .upload(token: "")),
            ("/o/t/..%2f..%2fetc%2fpasswd", .download(token: "t")), ("/o/t/%00", .download(token: "t")),
            ("/o/a\u{301}/\u{301}b", .download(token: "a\u{301}")),
        ])
    func oddSegments(path: String, route: Route) {
        #expect(Route(path: path[...]) == route)
    }

    @Test("each route answers its methods, and has a name for logs that holds nothing of the path")
    func methods() {
        let routes: [(Route, [String], String)] = [
            (.objects(job: "secret"), ["GET", "HEAD"], "/v1/jobs/{job}/objects"),
            (.jobLinks(job: "secret"), ["POST", "DELETE"], "/v1/jobs/{job}/links"),
            (
                .object(job: "secret", name: "secret"), ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"],
                "/v1/jobs/{job}/{object}"
            ),
            (.links, ["POST"], "/v1/links"), (.download(token: "secret"), ["GET", "HEAD"], "/o/{token}/{name}"),
            (.upload(token: "secret"), ["PUT", "OPTIONS"], "/u/{token}"),
            (.uploads, ["POST", "OPTIONS"], "/v1/uploads"),
            (.resumable(id: "secret"), ["HEAD", "GET", "PATCH", "DELETE", "OPTIONS"], "/v1/uploads/{upload}"),
            (
                .linkedUpload(token: "secret", id: "secret"), ["HEAD", "GET", "PATCH", "DELETE", "OPTIONS"],
                "/u/{token}/{upload}"
            ), (.openAPI, ["GET", "HEAD"], "/openapi.json"), (.docs, ["GET", "HEAD"], "/docs"),
        ]
        for (route, methods, template) in routes {
            #expect(route.methods.map(\.rawValue) == methods && route.template == template)
        }
    }
}

@Suite("request targets (RFC 9112 §3.2)")
struct RequestTargetTests {
    @Test(
        "path and query are found in every form",
        arguments: [
            ("/v1/links", "/v1/links", ""), ("/o/t?a=b", "/o/t", "a=b"), ("/o/t?", "/o/t", ""),
            ("/o/t?a?b", "/o/t", "a?b"),
            ("/o/t#x", "/o/t", ""), ("/o/t?a#b", "/o/t", "a"), ("/o/t#a?b", "/o/t", ""),
            ("http://files.example/o/t?a=b", "/o/t", "a=b"), ("http://files.example:8080/o/t", "/o/t", ""),
            ("HTTPS://files.example/o/t", "/o/t", ""), ("http://files.example", "/", ""),
            ("http://files.example?a", "", "a"),
            ("*", "*", ""), ("files.example:443", "files.example:443", ""), ("", "", ""), ("?a", "", "a"),
            ("/http://x/o/t", "/http://x/o/t", ""), ("//x/o/t", "//x/o/t", ""), ("/o/t/a://b/c", "/o/t/a://b/c", ""),
            ("/\u{301}o/t", "/\u{301}o/t", ""), ("/o/t?\u{301}a", "/o/t", "\u{301}a"),
        ])
    func forms(target: String, path: String, query: String) {
        let parsed = RequestTarget(target)
        #expect(parsed.path.utf8.elementsEqual(path.utf8) && parsed.query.utf8.elementsEqual(query.utf8))
    }

    @Test("a parameter is read once decoded, and refused if it is doubled")
    func parameters() throws {
        #expect(try RequestTarget("/o/t?disposition=inline").parameter("disposition") == "inline")
        #expect(try RequestTarget("/o/t?x=1&disposition=in%6Cine&y").parameter("disposition") == "inline")
        #expect(try RequestTarget("/o/t?disposition").parameter("disposition") == "")
        #expect(try RequestTarget("/o/t?disposition=").parameter("disposition") == "")
        #expect(try RequestTarget("/o/t?disposition=a=b").parameter("disposition") == "a=b")
        #expect(try RequestTarget("/o/t?dispositions=x&Disposition=y&&=").parameter("disposition") == nil)
        #expect(try RequestTarget("/o/t").parameter("disposition") == nil)
        // A combining mark joins no separator and hides no parameter.
        #expect(try RequestTarget("/o/t?disposition=\u{301}").parameter("disposition") == "\u{301}")
        #expect(throws: (any Error).self) {
            try RequestTarget("/o/t?disposition=\u{301}&disposition=b").parameter("disposition")
        }
        for query in ["disposition=a&disposition=b", "disposition=a&disposition=a", "disposition&disposition"] {
            #expect(throws: (any Error).self) { try RequestTarget("/o/t?\(query)").parameter("disposition") }
        }
    }
}
