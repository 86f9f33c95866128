internal import CustodeCore
internal import Foundation
internal import HTTPFetch
internal import NIOCore

/// Signs requests and sends them to one bucket.
final class S3Client: S3Sending {
    let address: S3Address
    private let fetcher: Fetcher
    private let signer: SigV4
    private let clock: any WallClock

    init(address: S3Address, signer: SigV4, fetcher: Fetcher, clock: any WallClock) {
        self.address = address
        self.signer = signer
        self.fetcher = fetcher
        self.clock = clock
    }

    func send(_ request: S3Request) async throws(S3Error) -> FetchResponse {
        let response: FetchResponse
        do throws(FetchError) {
            response = try await BucketSpan.around(signed(request)) { request throws(FetchError) in
                try await fetcher.fetch(request)
            }
        } catch {
            throw S3Error(error)
        }
        guard !(200...299).contains(response.status) else { return response }
        let text = try? await response.body.collect(upTo: 64 * 1_024)
        throw S3Error(response.head, body: text.map { Array($0.readableBytesView) } ?? [])
    }

    /// A URL that is good for a `GET` of an object for so many seconds.
    func presigned(_ key: String, _ query: [(name: String, value: String)], seconds: Int) -> String {
        let path = address.path(key)
        let request = SigV4.Request(
            method: "GET", path: path, query: query, headers: [("host", address.host)])
        return address.url(
            path: path, query: signer.presignedQuery(request, at: clock.now(), seconds: seconds))
    }

    /// What a stranger is told who asks for an object, or for a list of them.
    func anonymousStatus(_ key: String?) async throws(S3Error) -> Int {
        let request = FetchRequest("GET", address.url(path: address.path(key), query: key == nil ? "max-keys=1" : ""))
        do throws(FetchError) {
            let response = try await fetcher.fetch(request)
            try await response.body.drain()
            return response.status
        } catch {
            throw S3Error(error)
        }
    }

    private func signed(_ request: S3Request) -> FetchRequest {
        let now = clock.now()
        let path = address.path(request.key)
        let headers =
            request.headers + [
                ("host", address.host), ("x-amz-content-sha256", request.payloadHash),
                ("x-amz-date", SigV4.time(now)),
            ]
        let authorization = signer.authorization(
            SigV4.Request(
                method: request.method, path: path, query: request.query, headers: headers,
                payloadHash: request.payloadHash),
            at: now)
        var fetch = FetchRequest(
            request.method, address.url(path: path, query: SigV4.encoded(request.query)))
        fetch.headers = headers + [("authorization", authorization)]
        fetch.body = request.body
        fetch.stall = request.stall
        fetch.isNeverResent = request.isNeverResent
        return fetch
    }
}
