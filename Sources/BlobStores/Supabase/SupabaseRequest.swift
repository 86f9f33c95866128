internal import HTTPFetch
internal import NIOCore

/// One request to a Supabase Storage service.
struct SupabaseRequest: SendableAgain {
    var method: String
    /// Below the service's URL, beginning with a slash, each segment percent-encoded.
    var path: String
    var query = ""
    /// Names in lower case.
    var headers: [(name: String, value: String)] = []
    var body = FetchRequestBody.none
    var isRepeatable = true
    var mayGoOn: (@Sendable () -> Bool)?
    /// Whether not even the connection's death lets it be sent again.
    var isNeverResent = false
    /// For how long the service may be silent.
    var stall = Duration.seconds(30)

    init(_ method: String, _ path: String) {
        self.method = method
        self.path = path
    }

    /// A request with a document.
    init(_ method: String, _ path: String, json: some Encodable) {
        self.init(method, path)
        setDocument(json)
    }

    /// Gives it a document.
    mutating func setDocument(_ json: some Encodable) {
        headers.append(("content-type", "application/json"))
        body = .bytes(ByteBuffer(bytes: SupabaseJSON.bytes(of: json)))
    }
}
