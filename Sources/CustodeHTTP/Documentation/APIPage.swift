internal import CustodeCore

/// An OpenAPI document as one page that loads nothing and runs nothing.
struct APIPage {
    private let document: APIDocument

    init(_ document: APIDocument) { self.document = document }

    /// The page.
    var html: String {
        var page = HTMLText()
        page.raw("<!doctype html>\n")
        page.element("html", ["lang": "en"]) { page in
            page.element("head") { head(&$0) }
            page.element("body") { page in
                page.element("a", ["class": "skip", "href": "#calls"], text: "To the calls")
                page.element("header") { introduction(&$0) }
                page.element("nav", ["aria-label": "Calls"]) { contents(&$0) }
                page.element("main", ["id": "calls"]) { page in
                    for tag in document.tags { section(tag.name, tag.description, &page) }
                    page.element("section") { problems(&$0) }
                    page.element("section") { schemas(&$0) }
                }
            }
        }
        page.raw("\n")
        return page.html
    }

    private func head(_ page: inout HTMLText) {
        page.raw(#"<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">"#)
        page.element("title", text: "\(document.root["info"]["title"].string ?? "API"): its calls")
        page.element("style") { $0.raw(Self.style) }
    }

    private func introduction(_ page: inout HTMLText) {
        let info = document.root["info"]
        page.element("h1", text: info["title"].string ?? "API")
        page.element(
            "p", ["class": "dim"], text: "\(info["summary"].string ?? "") Version \(info["version"].string ?? "?").")
        page.element("p", text: info["description"].string ?? "")
        page.element("p") { page in
            page.text("For programs: ")
            page.element("a", ["href": "openapi.json"], text: "openapi.json")
            page.text(". A reply's problem types are under ")
            page.link(to: "problems", text: "Problems")
            page.text(", the members of JSON under ")
            page.link(to: "schemas", text: "JSON")
            page.text(".")
        }
        page.element("h2", text: "Credentials")
        rows(document.root["components"]["securitySchemes"].members, &page) { scheme, page in
            page.element("th", text: scheme.key)
            page.element("td", text: scheme.value["description"].string ?? "")
        }
    }

    private func contents(_ page: inout HTMLText) {
        for tag in document.tags {
            page.element("h4", text: tag.name)
            page.element("ul") { page in
                for operation in document.operations where operation.tag == tag.name {
                    page.element("li") { page in
                        page.element("a", ["href": "#" + operation.id]) { Self.name(operation, &$0) }
                        page.element("span", ["class": "dim"], text: " " + operation.summary)
                    }
                }
            }
        }
    }

    private static func name(_ operation: APIDocument.Operation, _ page: inout HTMLText) {
        page.element("code") { page in
            page.element("span", ["class": "method"], text: operation.method)
            page.text(" " + operation.path)
        }
    }

    private func section(_ tag: String, _ description: String, _ page: inout HTMLText) {
        page.element("section") { page in
            page.element("h2", text: tag)
            page.element("p", text: description)
            for operation in document.operations where operation.tag == tag { article(operation, &page) }
        }
    }

    private func article(_ operation: APIDocument.Operation, _ page: inout HTMLText) {
        page.element("article", ["id": operation.id]) { page in
            page.element("h3") { Self.name(operation, &$0) }
            page.element("p") { page in
                page.element("strong", text: operation.summary + ". ")
                page.text(operation.description)
            }
            page.element("p", ["class": "dim"], text: Self.authority(operation))
            parameters(operation, &page)
            body(operation, &page)
            page.element("h4", text: "Example")
            code(CurlExample(operation).text, label: "curl for \(operation.id)", &page)
            replies(operation, &page)
        }
    }

    private static func authority(_ operation: APIDocument.Operation) -> String {
        if !operation.credentials.isEmpty {
            return "Authorization: Bearer with one of: \(operation.credentials.joined(separator: ", "))."
        }
        return operation.path.contains("{token}") ? "The token in the path is all it takes." : "Needs no credential."
    }

    private func parameters(_ operation: APIDocument.Operation, _ page: inout HTMLText) {
        page.element("h4", text: "Parameters")
        rows(operation.parameters, &page) { parameter, page in
            page.element("th") { $0.element("code", text: parameter["name"].string ?? "") }
            let isRequired = parameter["required"] == .bool(true)
            page.element("td", text: "\(parameter["in"].string ?? "")\(isRequired ? ", required" : "")")
            page.element("td") { page in
                page.text(parameter["description"].string ?? "")
                guard parameter["example"] != .null else { return }
                page.raw(" <span class=\"dim\">e.g.</span> ")
                page.element("code", text: parameter["example"].string ?? parameter["example"].text())
            }
        }
    }

    private func body(_ operation: APIDocument.Operation, _ page: inout HTMLText) {
        guard operation.body != .null else { return }
        page.element("h4", text: "Body")
        page.element("p") { page in
            page.text((operation.body["description"].string ?? "") + " Types: ")
            page.element("code", text: operation.body["content"].members.map(\.key).joined(separator: ", "))
        }
    }

    private func replies(_ operation: APIDocument.Operation, _ page: inout HTMLText) {
        page.element("h4", text: "Replies")
        rows(operation.responses, &page) { reply, page in
            page.element("th", text: reply.status)
            page.element("td") { page in
                page.text(reply.response["description"].string ?? "")
                let types = reply.response["x-problem-types"].array.compactMap(\.string)
                for type in types {
                    page.raw(" ")
                    page.element("a", ["href": "#" + type]) { $0.element("code", text: type) }
                }
                let fields = reply.response["headers"].members.map(\.key)
                if types.isEmpty, !fields.isEmpty {
                    page.element("div", ["class": "dim"], text: fields.joined(separator: ", "))
                }
            }
        }
        for reply in operation.responses where reply.status.hasPrefix("2") {
            let content = reply.response["content"].members.first { $0.value["examples"] != .null }
            guard let example = content?.value["examples"].members.first?.value["value"] else { continue }
            page.element("p", ["class": "dim"], text: "\(reply.status), \(content?.key ?? ""):")
            code(example.string ?? example.text(isIndented: true), label: "\(reply.status) of \(operation.id)", &page)
        }
    }

    /// What does not fit can be scrolled by key, too.
    private func code(_ text: String, label: String, _ page: inout HTMLText) {
        page.element("pre", ["tabindex": "0", "role": "region", "aria-label": label]) { $0.element("code", text: text) }
    }

    private func problems(_ page: inout HTMLText) {
        page.element("h2", ["id": "problems"], text: "Problems")
        page.element("p", text: document.root["components"]["schemas"]["Problem"]["description"].string ?? "")
        let replies = document.root["components"]["responses"].members
        let examples = replies.flatMap { reply in
            reply.value["content"].members.flatMap { $0.value["examples"].members.map { $0.value["value"] } }
        }
        var seen: Set<String> = []
        let first = examples.filter { seen.insert($0["type"].string ?? "").inserted }
        rows(first.sorted { ($0["type"].string ?? "") < ($1["type"].string ?? "") }, &page) { problem, page in
            let type = problem["type"].string ?? ""
            page.element("th", ["id": type]) { $0.element("code", text: type) }
            page.element("td", text: "\(problem["status"].text()) \(problem["title"].string ?? "")")
            page.element("td", text: problem["detail"].string ?? "")
        }
    }

    private func schemas(_ page: inout HTMLText) {
        page.element("h2", ["id": "schemas"], text: "JSON")
        for schema in document.root["components"]["schemas"].members {
            page.element("h3", text: schema.key)
            page.element("p", text: schema.value["description"].string ?? "")
            let required = schema.value["required"].array
            rows(schema.value["properties"].members, &page) { member, page in
                page.element("th") { $0.element("code", text: member.key) }
                page.element("td", text: required.contains(.string(member.key)) ? "always" : "")
                page.element("td", text: member.value["description"].string ?? "")
            }
        }
    }

    private func rows<Row>(
        _ rows: [Row], _ page: inout HTMLText, _ body: (Row, inout HTMLText) -> Void
    ) {
        page.element("div", ["class": "scroll"]) { page in
            page.element("table") { page in
                for row in rows { page.element("tr") { body(row, &$0) } }
            }
        }
    }
}
