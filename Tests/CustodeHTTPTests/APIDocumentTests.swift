import CustodeCore
import Foundation
import HTTPTypes
import Testing

@testable import CustodeHTTP

@Suite("what the service says of itself")
struct APIDocumentTests {
    private static let document = JSONValue.read(PackageResources.openapi_json) ?? .null

    /// A new route does not compile before it is in here, and in the list.
    private static func name(_ route: Route) -> String {
        switch route {
        case .objects, .jobLinks, .object, .links, .download, .upload, .linkedUpload, .uploads, .resumable, .openAPI,
            .docs:
            route.template
        }
    }

    private static let routes: [Route] = [
        .objects(job: ""), .jobLinks(job: ""), .object(job: "", name: ""), .links, .download(token: ""),
        .upload(token: ""), .linkedUpload(token: "", id: ""), .uploads, .resumable(id: ""), .openAPI, .docs,
    ]

    @Test("every route and method is described, and nothing else is")
    func routes() {
        let served = Self.routes.map { "\(Self.name($0)) \($0.methods.map { $0.rawValue.lowercased() }.sorted())" }
        let described = Self.document["paths"].members.map { path in
            "\(path.key) \(path.value.members.map(\.key).filter { $0 != "parameters" })"
        }
        #expect(served.sorted() == described.sorted())
    }

    @Test("every operation has a name of its own, a summary, a description, a known tag and what it may refuse")
    func operations() throws {
        let document = try #require(APIDocument(PackageResources.openapi_json))
        let tags = document.tags.map(\.name)
        #expect(Set(document.operations.map(\.id)).count == document.operations.count)
        for operation in document.operations {
            #expect(!operation.summary.isEmpty && !operation.description.isEmpty, "\(operation.id)")
            #expect(tags.contains(operation.tag), "\(operation.id)")
            let statuses = operation.responses.map(\.status)
            #expect(Set(["400", "408", "414", "431"]).isSubset(of: statuses), "\(operation.id)")
            #expect(operation.credentials.isEmpty || Set(["401", "403", "429", "503"]).isSubset(of: statuses))
            for parameter in operation.parameters {
                #expect(parameter["description"] != .null && parameter["example"] != .null, "\(operation.id)")
            }
        }
    }

    /// Every type of problem that the code can tell, with its statuses.
    private static func told() throws -> [String: Set<Int>] {
        var told: [String: Set<Int>] = [:]
        for refusal in try RefusalReplyTests.all() {
            for dialect in [UploadDialect.tus, .draft] {
                let reply = Reply(refusal, instance: "x", dialect: dialect)
                guard case .bytes(let bytes) = reply.content else { continue }
                let type = try #require(JSONValue.read(bytes)?["type"].string)
                told[type, default: []].insert(reply.status.code)
            }
        }
        told["urn:custode:internal"] = [500]
        // What the gate refuses, before there is a route.
        told["urn:custode:request-header-fields-too-large"] = [431]
        return told
    }

    @Test("the types of problems are those that the code can tell, no fewer and no more")
    func problemTypes() throws {
        let types = Self.document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"].array
        #expect(Set(types.compactMap(\.string)) == Set(try Self.told().keys))
    }

    @Test("each reply of a status lists the problems of that status, with an example of each")
    func problemReplies() throws {
        let told = try Self.told()
        let document = try #require(APIDocument(PackageResources.openapi_json))
        var listed: Set<String> = []
        for operation in document.operations {
            for (status, reply) in operation.responses where (Int(status) ?? 0) >= 400 {
                let types = reply["x-problem-types"].array.compactMap(\.string)
                #expect(!types.isEmpty, "\(operation.id) \(status)")
                for type in types { #expect(told[type]?.contains(Int(status) ?? 0) == true, "\(status) \(type)") }
                let examples = reply["content"]["application/problem+json"]["examples"].members.map(\.value["value"])
                #expect(Set(examples.compactMap(\.["type"].string)) == Set(types), "\(operation.id) \(status)")
                for example in examples { #expect(example["status"].text() == status) }
                listed.formUnion(types)
            }
        }
        #expect(listed == Set(told.keys), "none is left out")
    }

    @Test("what a problem's example says is what the code says")
    func problemTexts() throws {
        var titles: [String: String] = [:]
        for refusal in try RefusalReplyTests.all() {
            guard case .bytes(let bytes) = Reply(refusal, instance: "x").content else { continue }
            let problem = try #require(JSONValue.read(bytes))
            titles[try #require(problem["type"].string)] = problem["title"].string
        }
        for reply in Self.document["components"]["responses"].members {
            for example in reply.value["content"]["application/problem+json"]["examples"].members {
                let problem = example.value["value"]
                guard let title = titles[problem["type"].string ?? ""] else { continue }
                #expect(problem["title"].string == title)
            }
        }
    }
}

@Suite("the page made from it")
struct APIPageTests {
    @Test("every operation, parameter, status and type of problem is on the page")
    func complete() throws {
        let document = try #require(APIDocument(PackageResources.openapi_json))
        let html = APIPage(document).html
        for operation in document.operations {
            let start = try #require(html.range(of: "<article id=\"\(operation.id)\">"), "\(operation.id)")
            let end = try #require(html[start.upperBound...].range(of: "</article>"))
            let article = html[start.upperBound..<end.lowerBound]
            #expect(article.contains(">\(operation.method)<") && article.contains(operation.path))
            #expect(article.contains("curl"))
            for (status, _) in operation.responses {
                #expect(article.contains("<th>\(status)</th>"), "\(operation.id)")
            }
            for parameter in operation.parameters {
                #expect(article.contains("<code>\(parameter["name"].string ?? "")</code>"), "\(operation.id)")
            }
            #expect(html.contains("href=\"#\(operation.id)\""))
        }
        let types = document.root["components"]["schemas"]["Problem"]["properties"]["type"]["enum"].array
        for type in types.compactMap(\.string) { #expect(html.contains("id=\"\(type)\""), "\(type)") }
    }

    @Test("what the document says is text on the page, whatever it looks like")
    func escaping() throws {
        let nasty = #"</code><script>alert('1')</script> \" onload=x & done"#
        let source = """
            {"info": {"title": "\(nasty)", "version": "1", "description": "\(nasty)"}, "tags": [{"name": "\(nasty)"}],
             "paths": {"/\(nasty)": {"get": {"operationId": "\(nasty)", "summary": "\(nasty)", "tags": ["\(nasty)"],
              "parameters": [{"name": "\(nasty)", "in": "path", "example": "\(nasty)", "description": "\(nasty)"}],
              "responses": {"\(nasty)": {"description": "\(nasty)", "x-problem-types": ["\(nasty)"]},
                "200": {"content": {"\(nasty)": {"examples": {"x": {"value": "\(nasty)"}}}}}}}}},
             "components": {"schemas": {"\(nasty)": {"properties": {"\(nasty)": {"description": "\(nasty)"}}}}}}
            """
        let html = APIPage(try #require(APIDocument(Array(source.utf8)))).html
        #expect(!html.contains("<script") && !html.contains("alert('1')") && !html.contains("\" onload"))
        #expect(html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &quot; onload=x &amp; done"))
    }

    @Test("a shell takes each example for the words it is")
    func curl() throws {
        let document = try #require(APIDocument(PackageResources.openapi_json))
        let patch = try #require(document.operations.first { $0.id == "uploadAppend" })
        let text = CurlExample(patch).text
        #expect(text.hasPrefix("curl -X PATCH \\\n  -H \"Authorization: Bearer $CUSTODE_SERVICE_KEY\" \\\n"))
        #expect(text.contains("-H 'Upload-Offset: ") && text.contains("-H 'Tus-Resumable: 1.0.0'"))
        let source = #"{"paths": {"/{x}": {"get": {"parameters": [{"name": "x", "in": "path", "example": "it's"}]}}}}"#
        let odd = try #require(APIDocument(Array(source.utf8))?.operations.first)
        #expect(CurlExample(odd).text == "curl \\\n  \"$CUSTODE_URL\"'/it'\\''s'")
    }

    @Test("JSON is written as it was meant")
    func text() {
        let source = #"{"b": [1, 2.5, "x\"\n"], "a": null, "c": {}, "d": [], "e": true}"#
        let node = JSONValue.read(Array(source.utf8))
        #expect(node?.text() == #"{"a": null, "b": [1, 2.5, "x\"\n"], "c": {}, "d": [], "e": true}"#)
        #expect(node?["b"].text(isIndented: true) == "[\n  1,\n  2.5,\n  \"x\\\"\\n\"\n]")
        #expect(JSONValue.read(Array("{".utf8)) == nil)
    }
}
