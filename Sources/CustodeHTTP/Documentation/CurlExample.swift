internal import CustodeCore

/// How an operation is called from a shell, in the words of its own examples.
struct CurlExample {
    let text: String

    init(_ operation: APIDocument.Operation) {
        var lines = ["curl"]
        switch operation.method {
        case "GET": break
        case "HEAD": lines[0] += " -I"
        case let method: lines[0] += " -X \(method)"
        }
        if operation.credentials.contains("serviceKey") {
            lines.append(#"-H "Authorization: Bearer $CUSTODE_SERVICE_KEY""#)
        }
        var path = operation.path
        for parameter in operation.parameters {
            guard let name = parameter["name"].string else { continue }
            let example = parameter["example"].string ?? parameter["example"].text()
            if parameter["in"].string == "path" {
                path.replace("{\(name)}", with: example)
            } else if operation.shown.contains(name) {
                lines.append("-H \(Self.quoted("\(name): \(example)"))")
            }
        }
        lines += Self.body(operation)
        lines.append("\"$CUSTODE_URL\"\(Self.quoted(path))")
        text = lines.joined(separator: " \\\n  ")
    }

    private static func body(_ operation: APIDocument.Operation) -> [String] {
        guard operation.body["required"] == .bool(true), let first = operation.body["content"].members.first else {
            return []
        }
        switch operation.method {
        case "PUT": return ["-T meeting.wav"]
        case "PATCH": return ["-H \(quoted("Content-Type: \(first.key)"))", "--data-binary @the-rest"]
        default:
            let example = first.value["examples"].members.first?.value["value"] ?? .null
            return ["-H \(quoted("Content-Type: \(first.key)"))", "-d \(quoted(example.text()))"]
        }
    }

    /// One word to a shell.
    private static func quoted(_ text: String) -> String { "'\(text.replacing("'", with: #"'\''"#))'" }
}
