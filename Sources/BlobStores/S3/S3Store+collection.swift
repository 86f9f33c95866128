internal import Cryptography
public import CustodeCore
internal import Foundation
internal import HTTPFetch

extension S3Store: CollectableStore {
    private static let trash = ".trash/"
    private static let markerKey = ".custode/identity.json"
    /// How many objects one request removes at most; S3 takes a thousand, but a lease may end between two requests.
    private static let removedAtOnce = 250

    /// Lists objects in the order of their keys' bytes, 1,000 at a time.
    public func list(_ scope: ListingScope) -> any BlobListing {
        RemoteListing(S3Listing(store: self, prefix: scope.prefix), scope: scope)
    }

    /// Moves objects by copying them on the service's side, each only if it is still what was expected.
    public func move(
        _ moves: [BlobMove], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobMove.Outcome] {
        await Crowd.run(moves) { move in await S3Move(store: self, move: move, mayGoOn: mayGoOn).run() }
    }

    /// Removes objects below `.trash/` for good.
    public func remove(
        _ keys: [String], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobStoreError?] {
        var failures: [BlobStoreError?] = []
        var rest = keys[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(Self.removedAtOnce))
            rest = rest.dropFirst(batch.count)
            failures += mayGoOn() ? await remove(batch) : batch.map { _ in .cancelled }
        }
        return failures
    }

    private func remove(_ keys: [String]) async -> [BlobStoreError?] {
        guard keys.allSatisfy({ $0.utf8.starts(with: Self.trash.utf8) }) else {
            return keys.map { _ in .unavailable("only what lies in \(Self.trash) is removed for good") }
        }
        return await removeForGood(keys)
    }

    /// Removes what is no object, or no longer.
    func removeForGood(_ keys: [String]) async -> [BlobStoreError?] {
        let list = keys.map { "<Object><Key>\(XMLText.escaped($0))</Key></Object>" }.joined()
        let document = S3Document("<Delete><Quiet>true</Quiet>\(list)</Delete>")
        var request = S3Request("POST", nil)
        request.query = [("delete", "")]
        request.headers = [
            ("content-type", "application/xml"), ("content-md5", Data(MD5.hash(document.bytes)).base64EncodedString()),
        ]
        request.body = document.body
        request.payloadHash = document.hash
        let reply: XMLTree
        do throws(S3Error) {
            reply = try await sender.document(request)
            try Self.checkCompletion(reply)
        } catch {
            let reason = unavailable(error)
            return keys.map { _ in reason }
        }
        // Quietly: only what failed is told.
        var reasons: [String: BlobStoreError] = [:]
        for failure in reply.all("Error") {
            guard let key = failure.text("Key"), let code = failure.text("Code"), code != "NoSuchKey" else { continue }
            reasons[key] = unavailable(
                S3Error(
                    status: 200, code: code, message: failure.text("Message") ?? "", mayBeDone: true, isPassing: false))
        }
        return keys.map { reasons[$0] }
    }

    /// What time it is for the service, to the second.
    public func clock() async throws(BlobStoreError) -> Timestamp {
        guard let now = try await bucketHead()["date"].flatMap({ Timestamp(httpDate: $0) }) else {
            throw .unavailable("the bucket's service does not tell the time")
        }
        return now
    }

    /// The small file that tells whose bucket this is; `nil` if there is none.
    public func marker() async throws(BlobStoreError) -> [UInt8]? {
        do throws(S3Error) {
            return try await sender.bytes(S3Request("GET", Self.markerKey))
        } catch {
            guard error.meansAbsent else { throw refusal(error) }
            return nil
        }
    }

    /// Writes the small file that tells whose bucket this is, in the place of one before.
    public func setMarker(_ bytes: [UInt8]) async throws(BlobStoreError) {
        let document = S3Document(String(decoding: bytes, as: UTF8.self))
        var request = S3Request("PUT", Self.markerKey)
        request.headers = [("content-type", "application/json")]
        request.body = document.body
        request.payloadHash = document.hash
        do throws(S3Error) {
            _ = try await sender.head(request)
        } catch {
            throw unavailable(error)
        }
    }
}
