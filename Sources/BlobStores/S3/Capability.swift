internal import CustodeCore
internal import Synchronization

/// Whether a service honours a condition, found out once, on an object of our own.
final class Capability: Sendable {
    private let answer = Mutex<Bool?>(nil)
    private let tryOut: @Sendable (S3Store, _ probe: String) async throws(S3Error) -> Bool

    private init(_ tryOut: @escaping @Sendable (S3Store, _ probe: String) async throws(S3Error) -> Bool) {
        self.tryOut = tryOut
    }

    /// - Throws: ``BlobStoreError`` if that cannot be found out now.
    func isHonoured(by store: S3Store) async throws(BlobStoreError) -> Bool {
        if let known = answer.withLock({ $0 }) { return known }
        do throws(S3Error) {
            let found = try await store.withProbe { probe throws(S3Error) in try await tryOut(store, probe) }
            answer.withLock { $0 = found }
            if let now = try? await store.clock() {
                await store.removeProbes(before: now + (.zero - S3Store.longestProbe))
            }
            return found
        } catch {
            throw store.unavailable(error)
        }
    }

    /// `If-Match` on `DELETE`: S3 honours it, Ceph does not.
    static func conditionalRemoval() -> Capability {
        Capability { store, probe throws(S3Error) in
            var request = S3Request("DELETE", probe)
            request.headers = [("if-match", "\"00000000000000000000000000000000\"")]
            return try await isRefused(request, by: store)
        }
    }

    /// `If-None-Match: *` on `PUT`: S3 and Ceph honour it.
    static func conditionalWriting() -> Capability {
        Capability { store, probe throws(S3Error) in
            var request = S3Request("PUT", probe)
            request.headers = [("if-none-match", "*")]
            return try await isRefused(request, by: store)
        }
    }

    private static func isRefused(_ request: S3Request, by store: S3Store) async throws(S3Error) -> Bool {
        do throws(S3Error) {
            _ = try await store.sender.head(request)
            return false
        } catch  where error.isPreconditionFailed {
            return true
        } catch  where error.status == 501 {
            // It says so instead of passing over it.
            return false
        }
    }
}

extension S3Store {
    private static let probes = ".custode/probes/"
    /// A probe takes a moment: one that is older was left by a process that died.
    static let longestProbe = Duration.seconds(3_600)

    /// A key for an object that tries something out.
    func probeKey() -> String { Self.probes + Hex.encode(random.bytes(8)) }

    /// Lends an object of our own to what tries something out, and removes it whatever comes of that.
    func withProbe<Value>(_ body: (String) async throws(S3Error) -> Value) async throws(S3Error) -> Value {
        let key = probeKey()
        _ = try await sender.head(S3Request("PUT", key))
        let result = await Result.of { () throws(S3Error) in try await body(key) }
        await removeProbe(key)
        return try result.get()
    }

    /// Removes an object that something was tried out on, as well as can be; it may be gone already.
    func removeProbe(_ key: String) async {
        _ = await uninterrupted {
            await Result.of { () throws(S3Error) in try await self.sender.head(S3Request("DELETE", key)) }
        }
    }

    /// Removes what processes that died left, as well as can be.
    func removeProbes(before cutoff: Timestamp) async {
        guard let page = try? await list(ListingScope(prefix: Self.probes)).next() else { return }
        for blob in page.blobs where blob.facts.modified < cutoff {
            await removeProbe(blob.key)
        }
    }
}
