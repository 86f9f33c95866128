/// An error as RFC 9457 tells it to programs.
enum Problem {
    static let mediaType = "application/problem+json"

    /// Writes a problem document.
    ///
    /// - Parameter instance: The request's id; `nil` where the request never became one.
    static func text(slug: String, title: String, status: Int, detail: String, instance: String? = nil) -> String {
        var json = JSONText()
        json.object { json in
            json.member("type", "urn:custode:\(slug)")
            json.member("title", title)
            json.member("status", status)
            json.member("detail", detail)
            if let instance { json.member("instance", instance) }
        }
        return json.text
    }

    /// A title as the last part of a `type`.
    static func slug(_ title: String) -> String {
        String(title.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" })
    }
}
