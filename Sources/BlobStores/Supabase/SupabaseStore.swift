public import CustodeCore
public import HTTPFetch
internal import NIOCore
public import NIOPosix

/// A bucket of a Supabase project, by its REST API.
///
/// An upload is spooled piece by piece, so that what is sent is complete and can be sent again. A small one becomes an object in
/// one request at its end; a larger one goes by the service's own resumable protocol while it comes, and becomes one with
/// its last piece. The service lets two creations of one name at the same moment both succeed: that no two uploads of ours have one
/// name is what the intents in the catalog see to.
public final class SupabaseStore: PresigningStore {
    /// The service asks for pieces of this size, and for larger objects to come in several.
    static let pieceSize: Int64 = 6 * 1_024 * 1_024
    /// How many pieces of all uploads are on their way at once: each costs a connection and its buffers.
    private static let piecesAtOnce = 16

    let configuration: SupabaseConfiguration
    let client: SupabaseClient
    let threads: NIOThreadPool
    let random: any RandomSource
    let clockSource: any WallClock
    let pieceLimiter = Limiter(SupabaseStore.piecesAtOnce)
    let retries: Retries
    /// Objects that are being put together.
    let publications = Shared()

    /// A store over a bucket, which need not answer yet.
    ///
    /// - Parameters:
    ///   - threads: Where pieces are hashed and spooled.
    ///   - retried: Told of each request that is sent again.
    /// - Throws: ``BlobStoreError/unavailable(_:)`` if the project's URL is none.
    public init(
        _ configuration: SupabaseConfiguration, fetcher: Fetcher, threads: NIOThreadPool, clock: any WallClock,
        random: any RandomSource, retried: @escaping @Sendable () -> Void = {}
    ) throws(BlobStoreError) {
        guard let base = configuration.base else {
            throw .unavailable("\(configuration.url) is not a project's URL, such as https://ref.supabase.co")
        }
        self.configuration = configuration
        retries = Retries(random: random, note: retried)
        client = SupabaseClient(base: base, key: configuration.key, fetcher: fetcher, retries: retries)
        self.threads = threads
        self.random = random
        clockSource = clock
    }

    /// Starts what will become one object.
    ///
    /// - Throws: ``BlobStoreError/keyTaken`` at once for an upload that will come in pieces, which belong to a key.
    public func beginUpload(
        as key: ObjectKey, contentType: String, expectedSize: Int64?
    ) async throws(BlobStoreError) -> any BlobUpload {
        if expectedSize.map({ $0 > Self.pieceSize }) ?? true, try await look(key.text) != nil { throw .keyTaken }
        let target = SupabaseTarget(key: key.text, contentType: contentType, nonce: Hex.encode(random.bytes(16)))
        return SupabaseUpload(target, expectedSize: expectedSize, store: self)
    }

    /// Opens an object; what will be read first is on its way when this returns.
    public func open(_ key: String, reading plan: RangePlan?) async throws(BlobStoreError) -> any OpenBlob {
        guard let plan, Self.isAddressable(key) else {
            guard let found = try await find(key) else { throw .absent }
            return blob(key, found.facts, first: nil)
        }
        var request = SupabaseRequest("GET", path("authenticated", key))
        if case .part(let range) = plan { request.headers.append(("range", RemoteBlob.field(range))) }
        let response: FetchResponse
        do throws(SupabaseError) {
            response = try await client.send(request)
        } catch {
            // The bucket may be what is missing.
            if error.meansAbsent || error.isInvalidKey, try await find(key) == nil { throw .absent }
            // A range that lies beyond it, which the service takes for a fault of its own: what is there is not the object
            // that was meant.
            if case .part(let range) = plan, [416, 500].contains(error.status),
                let found = try await look(key), found.size <= range.first
            {
                throw .absent
            }
            throw unavailable(error)
        }
        guard let etag = response.head["etag"], let size = Self.wholeSize(response.head) else {
            // Edges may leave out how much there is in all.
            return try await open(key, reading: nil)
        }
        let range: ByteRange? =
            switch plan {
            case .whole: size > 0 ? ByteRange(first: 0, last: size - 1) : nil
            case .part(let range): RemoteBlob.begins(response.head, with: range) ? range : nil
            }
        let modified = response.head["last-modified"].flatMap { Timestamp(httpDate: $0) } ?? Timestamp(microseconds: 0)
        let facts = BlobFacts(etag: SupabaseFound.bare(etag), size: size, modified: modified)
        return blob(key, facts, first: range.map { ($0, response.body) })
    }

    private func blob(_ key: String, _ facts: BlobFacts, first: (ByteRange, FetchBody)?) -> RemoteBlob {
        RemoteBlob(facts: facts, first: first, refusal: { self.refusal(SupabaseError($0)) }) {
            range throws(BlobStoreError) in
            var request = SupabaseRequest("GET", self.path("authenticated", key))
            request.headers = [("range", RemoteBlob.field(range))]
            do throws(SupabaseError) {
                let response = try await self.client.send(request)
                guard
                    RemoteBlob.begins(response.head, with: range) || response.status == 200 && range.count == facts.size
                else {
                    throw SupabaseError(
                        status: response.status, code: "RangeIgnored",
                        message: "a range was asked for and not given", mayBeDone: false, isPassing: false)
                }
                // The service knows no If-Match.
                guard response.head["etag"].map(SupabaseFound.bare) == facts.etag else {
                    throw SupabaseError(
                        status: response.status, code: "Changed",
                        message: "an object was written anew while it was read",
                        mayBeDone: false, isPassing: false)
                }
                return response.body
            } catch {
                throw self.unavailable(error)
            }
        }
    }

    /// Confirms that the bucket answers, and takes this key.
    public func probe() async throws(BlobStoreError) { _ = try await bucket() }

    /// A URL from which an object can be had, without any further credential, for so many seconds.
    ///
    /// The service signs it, and writes the fields of the reply itself: the type as it was stored, the name as it is asked for.
    public func presign(
        _ key: String, _ fields: PresignedFields, seconds: Int
    ) async throws(BlobStoreError) -> String {
        guard Self.isAddressable(key) else { throw .absent }
        // In its form for many, which takes names as they are: that for one leaves some characters encoded.
        let wish = SupabaseJSON.SigningWish(expiresIn: seconds, paths: [key])
        let signed: [SupabaseJSON.Signed]
        do throws(SupabaseError) {
            signed = try await client.document(
                SupabaseRequest("POST", "/object/sign/\(bucketName)", json: wish), [SupabaseJSON.Signed].self)
        } catch {
            throw unavailable(error)
        }
        guard let first = signed.first, let relative = first.signedURL, let token = Self.token(of: relative) else {
            guard try await find(key) == nil else {
                throw .unavailable("Supabase Storage signs no URL: \(signed.first?.error ?? "it does not say why")")
            }
            throw .absent
        }
        // The rest of what it tells is relative to the service, and names the object without any encoding.
        let name = fields.saveAs.map { "&download=\(SigV4.encode($0))" } ?? ""
        return "\(client.base)\(path("sign", key))?token=\(token)\(name)"
    }

    /// The token of a signed URL, at its end.
    private static func token(of url: String) -> Substring? {
        let token = url.split(separator: "?token=", omittingEmptySubsequences: false).dropFirst().last
        return token?.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"#&?".utf8.contains($0) } == true ? token : nil
    }

    /// What a key's requests are addressed to, below `/object`.
    func path(_ route: String?, _ key: String) -> String {
        let route = route.map { "/\($0)" } ?? ""
        return "/object\(route)/\(bucketName)/\(SigV4.encode(key, keepingSlashes: true))"
    }

    var bucketName: String { SigV4.encode(configuration.bucket) }

    func refusal(_ error: SupabaseError) -> BlobStoreError { BlobStoreError(error, configuration) }

    /// What an error means where no object is asked for: never that one is absent.
    func unavailable(_ error: SupabaseError) -> BlobStoreError {
        let meaning = refusal(error)
        return meaning == .absent ? .unavailable("Supabase Storage answers \(error.code)") : meaning
    }

    private static func wholeSize(_ head: FetchHead) -> Int64? {
        if head.status == 206 {
            return head["content-range"]?.split(separator: "/").last.flatMap { Int64($0) }
        }
        return head["content-length"].flatMap { Int64($0) }
    }
}

/// What is to become an object, and how it is told from every other.
struct SupabaseTarget: Sendable {
    /// The field of an object's metadata that tells whose upload it is.
    static let nonceField = "custode-upload"

    let key: String
    let contentType: String
    let nonce: String

    /// What goes into an object's metadata.
    var metadata: [String: String] { [Self.nonceField: nonce] }
}
