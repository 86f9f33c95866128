internal import HTTPFetch
internal import NIOCore

/// One request to an S3 service.
struct S3Request: SendableAgain {
    var method: String
    /// The object; `nil` for the bucket.
    var key: String?
    var query: [(name: String, value: String)] = []
    /// Names in lower case; all are signed.
    var headers: [(name: String, value: String)] = []
    var body = FetchRequestBody.none
    /// The SHA-256 of the body in hex.
    var payloadHash = SigV4.emptyHash
    /// Whether doing it twice is doing it once, so that it may be sent again when nobody can tell.
    var isRepeatable = true
    /// Whether not even the connection's death lets it be sent again.
    var isNeverResent = false
    /// Asked before it is sent again: once it says no, it is not.
    var mayGoOn: (@Sendable () -> Bool)?
    /// For how long the service may be silent.
    var stall = Duration.seconds(30)

    init(_ method: String, _ key: String?) {
        self.method = method
        self.key = key
    }
}

/// What sends requests to one bucket.
protocol S3Sending: Sendable {
    /// Sends a request.
    ///
    /// - Returns: The reply, of a status that means success; its body is still to be read.
    func send(_ request: S3Request) async throws(S3Error) -> FetchResponse
}

extension S3Sending {
    private static var longestDocument: Int { 8 * 1_024 * 1_024 }

    /// Sends a request whose reply is a document.
    func document(_ request: S3Request) async throws(S3Error) -> XMLTree {
        let bytes = try await bytes(request)
        guard let document = XMLTree.read(bytes) else {
            throw S3Error(
                status: 200, code: "MalformedReply", message: "the reply is no XML document", mayBeDone: true,
                isPassing: true)
        }
        return document
    }

    /// Sends a request and reads the reply to its end.
    func bytes(_ request: S3Request) async throws(S3Error) -> [UInt8] {
        let response = try await send(request)
        do throws(FetchError) {
            let buffer = try await response.body.collect(upTo: Self.longestDocument)
            return buffer.getBytes(at: buffer.readerIndex, length: buffer.readableBytes) ?? []
        } catch {
            throw S3Error(error)
        }
    }

    /// Sends a request whose reply's head says all.
    func head(_ request: S3Request) async throws(S3Error) -> FetchHead {
        let response = try await send(request)
        do throws(FetchError) {
            try await response.body.drain()
        } catch {
            throw S3Error(error)
        }
        return response.head
    }
}
