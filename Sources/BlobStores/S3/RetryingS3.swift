internal import CustodeCore
internal import HTTPFetch

/// Sends again what failed in passing, where that is safe.
///
/// A decorator: it sends through another sender.
struct RetryingS3: S3Sending {
    let inner: any S3Sending
    let retries: Retries

    init(_ inner: any S3Sending, _ retries: Retries) {
        self.inner = inner
        self.retries = retries
    }

    func send(_ request: S3Request) async throws(S3Error) -> FetchResponse {
        try await retries(request) { request throws(S3Error) in try await inner.send(request) }
    }
}
