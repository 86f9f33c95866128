internal import CustodeCore
internal import HTTPFetch

/// Copies an object within its bucket, on the service's side: in one request, or range by range if it is too large for
/// that.
struct S3ServerCopy {
    static let stall = Duration.seconds(300)

    let store: S3Store
    let from: String
    let source: S3Found
    let to: String
    let headers: [(name: String, value: String)]
    let conditions: [(name: String, value: String)]
    var largest = S3Move.largestCopy
    var partSize = S3ServerCopy.usualPart
    var mayGoOn: @Sendable () -> Bool = { true }

    func run() async throws(S3Error) {
        guard source.size <= largest else { return try await runInParts() }
        var request = S3Request("PUT", to)
        request.headers =
            headers + conditions + [
                ("x-amz-copy-source", "/\(store.configuration.bucket)/\(SigV4.encode(from, keepingSlashes: true))"),
                ("x-amz-copy-source-if-match", source.etag), ("x-amz-metadata-directive", "REPLACE"),
            ]
        request.stall = Self.stall
        request.mayGoOn = mayGoOn
        let document = try await store.sender.document(request)
        try S3Store.checkCompletion(document)
    }
}
