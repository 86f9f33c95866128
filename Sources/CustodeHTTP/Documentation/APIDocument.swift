internal import CustodeCore

/// What an OpenAPI document says, as far as a page tells it.
struct APIDocument {
    /// One method of one path.
    struct Operation {
        let id: String
        let method: String
        let path: String
        let summary: String
        let description: String
        let tag: String
        /// What authorizes it; empty where the path does, or nothing needs to.
        let credentials: [String]
        /// Of the path and of the operation, references followed.
        let parameters: [JSONValue]
        /// The names of the header fields that an example shows.
        let shown: Set<String>
        let body: JSONValue
        /// By status.
        let responses: [(status: String, response: JSONValue)]
    }

    private static let methods = ["get", "head", "post", "put", "patch", "delete", "options"]

    let root: JSONValue
    /// By path, then in the order in which methods are usually named.
    private(set) var operations: [Operation] = []

    /// Reads a document; `nil` if it is not JSON.
    init?(_ bytes: [UInt8]) {
        guard let root = JSONValue.read(bytes) else { return nil }
        self.root = root
        for (path, item) in root["paths"].members {
            for method in Self.methods where item[method] != .null {
                operations.append(operation(method, path, item, item[method]))
            }
        }
    }

    var tags: [(name: String, description: String)] {
        root["tags"].array.map { ($0["name"].string ?? "", $0["description"].string ?? "") }
    }

    /// What a reference refers to; anything else is itself.
    func resolved(_ node: JSONValue) -> JSONValue {
        guard let reference = node["$ref"].string else { return node }
        return reference.split(separator: "/").dropFirst().reduce(root) { $0[String($1)] }
    }

    private func operation(
        _ method: String, _ path: String, _ item: JSONValue, _ node: JSONValue
    ) -> Operation {
        Operation(
            id: node["operationId"].string ?? "\(method)-\(path)", method: method.uppercased(), path: path,
            summary: node["summary"].string ?? "", description: node["description"].string ?? "",
            tag: node["tags"].array.first?.string ?? "",
            credentials: node["security"].array.flatMap { $0.members.map(\.key) },
            parameters: (item["parameters"].array + node["parameters"].array).map(resolved),
            shown: Set(node["x-example-fields"].array.compactMap(\.string)), body: resolved(node["requestBody"]),
            responses: node["responses"].members.map { ($0.key, resolved($0.value)) })
    }
}
