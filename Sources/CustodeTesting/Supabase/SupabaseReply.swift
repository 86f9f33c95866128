import NIOCore

/// A reply of the stand-in; `Date` and `Content-Length` are added when it is sent.
struct SupabaseReply: Sendable {
    var status: Int
    var headers: HeaderList
    var body: ByteBuffer
    /// The length to tell when it is not the body's, as for HEAD.
    var toldLength: Int?
    /// Whether the connection ends after it.
    var ends = false

    init(_ status: Int, headers: HeaderList = [:], body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    static func json(_ value: JSON, status: Int = 200) -> SupabaseReply {
        SupabaseReply(
            status, headers: ["Content-Type": "application/json; charset=utf-8"],
            body: ByteBuffer(string: value.description))
    }

    static func text(_ text: String, status: Int) -> SupabaseReply {
        SupabaseReply(
            status, headers: ["Content-Type": "text/plain;charset=UTF-8"], body: ByteBuffer(string: text))
    }

    static func html(_ title: String, status: Int) -> SupabaseReply {
        SupabaseReply(
            status, headers: ["Content-Type": "text/html; charset=UTF-8"],
            body: ByteBuffer(
                string: "<html><head><title>\(title)</title></head><body><h1>\(title)</h1></body></html>\n"))
    }

    /// The same with more fields.
    func with(_ more: HeaderList) -> SupabaseReply {
        var copy = self
        copy.headers = headers + more
        return copy
    }

    /// The same, ending its connection.
    var ending: SupabaseReply {
        var copy = self
        copy.ends = true
        return copy
    }
}
