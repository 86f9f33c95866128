public import CustodeCore
internal import Foundation
public import HTTPFetch
internal import NIOCore
public import NIOPosix

/// A bucket of an S3-compatible service.
///
/// An upload is spooled part by part, so that what is sent is complete, hashed and can be sent again; it becomes an
/// object in one request at its end. Small ones never leave memory. Objects are written with `If-None-Match: *`, which
/// S3 and Ceph honour; where a service does not, the look before it is what keeps a key from being written twice.
public final class S3Store: PresigningStore {
    /// How many parts of all uploads are on their way at once: each costs a connection and its buffers.
    private static let partsAtOnce = 16

    let configuration: S3Configuration
    let client: S3Client
    /// Sends through the client, and again where that helps.
    let sender: any S3Sending
    let threads: NIOThreadPool
    let random: any RandomSource
    let clockSource: any WallClock
    let partLimiter = Limiter(S3Store.partsAtOnce)
    let conditionalRemoval = Capability.conditionalRemoval()
    let conditionalWriting = Capability.conditionalWriting()

    /// A store over a bucket, which need not answer yet.
    ///
    /// - Parameters:
    ///   - threads: Where parts are hashed and spooled.
    ///   - retried: Told of each request that is sent again.
    /// - Throws: ``BlobStoreError/unavailable(_:)`` if the endpoint is no URL.
    public init(
        _ configuration: S3Configuration, fetcher: Fetcher, threads: NIOThreadPool, clock: any WallClock,
        random: any RandomSource, retried: @escaping @Sendable () -> Void = {}
    ) throws(BlobStoreError) {
        guard let address = S3Address(configuration) else {
            throw .unavailable(
                "\(configuration.endpoint) is not an endpoint, such as https://s3.eu-central-1.amazonaws.com")
        }
        let signer = SigV4(
            accessKey: configuration.accessKey, secretKey: configuration.secretKey, region: configuration.region)
        self.configuration = configuration
        client = S3Client(address: address, signer: signer, fetcher: fetcher, clock: clock)
        sender = RetryingS3(client, Retries(random: random, note: retried))
        self.threads = threads
        self.random = random
        clockSource = clock
    }

    /// Starts what will become one object.
    ///
    /// - Throws: ``BlobStoreError/keyTaken`` at once for an upload that will come in parts, which belong to a key.
    public func beginUpload(
        as key: ObjectKey, contentType: String, expectedSize: Int64?
    ) async throws(BlobStoreError) -> any BlobUpload {
        let plan = PartPlan(expectedSize: expectedSize)
        if expectedSize.map({ $0 > plan.size(of: 1) }) ?? true, try await find(key.text) != nil { throw .keyTaken }
        return S3Upload(key: key, plan: plan, store: self)
    }

    /// Opens an object; what will be read first is on its way when this returns.
    public func open(_ key: String, reading plan: RangePlan?) async throws(BlobStoreError) -> any OpenBlob {
        // The bucket's own address is not an object's.
        guard !key.isEmpty else { throw .absent }
        guard let plan else {
            guard let found = try await find(key) else { throw .absent }
            return blob(key, etag: found.etag, found.facts, first: nil)
        }
        var request = S3Request("GET", key)
        if case .part(let range) = plan { request.headers.append(("range", RemoteBlob.field(range))) }
        let response: FetchResponse
        do throws(S3Error) {
            response = try await sender.send(request)
        } catch {
            // A range that lies beyond it: what is there is not the object that was meant.
            throw error.code == "InvalidRange" ? .absent : refusal(error)
        }
        guard let etag = response.head["etag"], let size = Self.wholeSize(response.head) else {
            throw .unavailable("the bucket's service tells neither size nor tag of an object")
        }
        let range: ByteRange? =
            switch plan {
            case .whole: size > 0 ? ByteRange(first: 0, last: size - 1) : nil
            case .part(let range): RemoteBlob.begins(response.head, with: range) ? range : nil
            }
        let modified = response.head["last-modified"].flatMap { Timestamp(httpDate: $0) } ?? Timestamp(microseconds: 0)
        let facts = BlobFacts(etag: S3Found.bare(etag), size: size, modified: modified)
        return blob(key, etag: etag, facts, first: range.map { ($0, response.body) })
    }

    private func blob(
        _ key: String, etag: String, _ facts: BlobFacts, first: (ByteRange, FetchBody)?
    ) -> RemoteBlob {
        RemoteBlob(facts: facts, first: first, refusal: { self.refusal(S3Error($0)) }) { range throws(BlobStoreError) in
            var request = S3Request("GET", key)
            request.headers = [("range", RemoteBlob.field(range)), ("if-match", etag)]
            do throws(S3Error) {
                let response = try await self.sender.send(request)
                guard
                    RemoteBlob.begins(response.head, with: range) || response.status == 200 && range.count == facts.size
                else {
                    throw S3Error(
                        status: response.status, code: "RangeIgnored", message: "a range was asked for and not given",
                        mayBeDone: false, isPassing: false)
                }
                return response.body
            } catch {
                if error.isPreconditionFailed { throw .unavailable("an object was written anew while it was read") }
                throw self.refusal(error)
            }
        }
    }

    /// Confirms that the bucket answers, and takes these keys.
    public func probe() async throws(BlobStoreError) { _ = try await bucketHead() }

    /// A URL from which an object can be had, without any further credential, for so many seconds.
    ///
    /// - Parameter fields: What the reply's `Content-Type`, `Content-Disposition` and `Cache-Control` must be; signed.
    public func presign(
        _ key: String, _ fields: PresignedFields, seconds: Int
    ) async throws(BlobStoreError) -> String {
        client.presigned(
            key,
            [
                ("response-content-type", fields.contentType),
                ("response-content-disposition", fields.contentDisposition),
                ("response-cache-control", fields.cacheControl),
            ], seconds: seconds)
    }

    /// Asks something small of the bucket whose failure tells why.
    @discardableResult
    func bucketHead() async throws(BlobStoreError) -> FetchHead {
        var request = S3Request("GET", nil)
        request.query = [("list-type", "2"), ("max-keys", "1")]
        do throws(S3Error) {
            return try await sender.head(request)
        } catch {
            throw unavailable(error)
        }
    }

    func refusal(_ error: S3Error) -> BlobStoreError { BlobStoreError(error, configuration) }

    private static func wholeSize(_ head: FetchHead) -> Int64? {
        if head.status == 206 {
            return head["content-range"]?.split(separator: "/").last.flatMap { Int64($0) }
        }
        return head["content-length"].flatMap { Int64($0) }
    }
}
