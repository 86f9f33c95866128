/// A reply as it came over the wire.
public struct RawResponse: Sendable {
    /// The status code.
    public var status: Int
    /// The reason phrase, which may be empty.
    public var reason: String
    /// The fields in order, duplicates kept.
    public var headers: HeaderList
    /// The body with its transfer coding taken off.
    public var body: [UInt8] = []
    /// The status codes of the interim replies that came before.
    public var interim: [Int] = []
    /// Whether the body's end was the end of the connection.
    public var endsWithConnection = false

    /// The body read as UTF-8.
    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The body read as JSON, `.null` if it is none.
    public var json: JSON { (try? JSON(body)) ?? .null }

    /// The value of the first field of this name, or nil.
    public func header(_ name: String) -> String? { headers[name] }

    /// Status, fields and the beginning of the body, for a failure's message.
    public var summary: String {
        let fields = headers.fields.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
        return "\(status) \(reason)\n\(fields)\n\n\(String(text.prefix(600)))"
    }
}
