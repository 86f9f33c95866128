internal import CustodeCore
internal import Synchronization

/// Whether a service honours `If-Match` on `DELETE`, found out once, on an object of our own.
final class ConditionalDeletion: Sendable {
    private let answer = Mutex<Bool?>(nil)

    func isHonoured(by store: S3Store) async throws(BlobStoreError) -> Bool {
        if let known = answer.withLock({ $0 }) { return known }
        let found = try await Self.tryOut(store)
        answer.withLock { $0 = found }
        return found
    }

    private static func tryOut(_ store: S3Store) async throws(BlobStoreError) -> Bool {
        let key = ".custode/probes/\(Hex.encode(store.random.bytes(8)))"
        do throws(S3Error) {
            _ = try await store.sender.head(S3Request("PUT", key))
            var request = S3Request("DELETE", key)
            request.headers = [("if-match", "\"00000000000000000000000000000000\"")]
            do throws(S3Error) {
                _ = try await store.sender.head(request)
                return false
            } catch {
                _ = try await store.sender.head(S3Request("DELETE", key))
                return error.isPreconditionFailed
            }
        } catch {
            throw store.unavailable(error)
        }
    }
}
