/// Writes HTML: what is put in as text can never become an element.
struct HTMLText {
    private(set) var html = ""

    /// Adds what is HTML already.
    mutating func raw(_ html: StaticString) { self.html += html.description }

    /// Adds text.
    mutating func text(_ text: String) { html += Self.escape(text) }

    /// Adds an element around what the body adds.
    ///
    /// - Parameter attributes: Names with their values.
    mutating func element(
        _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:],
        _ body: (inout HTMLText) -> Void
    ) {
        html += "<\(name)"
        for (name, value) in attributes { html += " \(name)=\"\(Self.escape(value))\"" }
        html += ">"
        body(&self)
        html += "</\(name)>"
    }

    /// Adds an element of text.
    mutating func element(
        _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:], text: String
    ) {
        element(name, attributes) { $0.text(text) }
    }

    /// Adds a link to a place on the same page.
    mutating func link(to place: String, text: String) {
        element("a", ["href": "#" + place], text: text)
    }

    private static func escape(_ text: String) -> String {
        var escaped = ""
        escaped.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
