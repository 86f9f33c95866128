/// A reply that a `FaultProxy` gives by itself.
public struct CannedResponse: Sendable {
    /// The status code.
    public var status: Int
    /// The fields; `Content-Length` is added unless they have it.
    public var headers: HeaderList
    /// The body.
    public var body: String
    /// Whether it goes out before the request's body is read, and the connection ends after it.
    public var isEarly: Bool

    /// A reply with this content.
    public init(_ status: Int, headers: HeaderList = [:], body: String = "", isEarly: Bool = false) {
        self.status = status
        self.headers = headers
        self.body = body
        self.isEarly = isEarly
    }

    /// An S3 error with this code.
    public static func s3Error(_ status: Int, _ code: String, headers: HeaderList = [:]) -> CannedResponse {
        CannedResponse(
            status, headers: ["Content-Type": "application/xml"] + headers,
            body: """
                <?xml version="1.0" encoding="UTF-8"?>\
                <Error><Code>\(code)</Code><Message></Message><RequestId>proxy</RequestId></Error>
                """)
    }

    /// The bytes on the wire.
    func wire(method: String, closes: Bool) -> [UInt8] {
        var all = headers
        if all["Content-Length"] == nil { all = all + ["Content-Length": "\(body.utf8.count)"] }
        if closes { all = all + ["Connection": "close"] }
        let fields = all.fields.map { "\($0.name): \($0.value)\r\n" }.joined()
        let head = "HTTP/1.1 \(status) Canned\r\n\(fields)\r\n"
        return Array((method == "HEAD" ? head : head + body).utf8)
    }
}
