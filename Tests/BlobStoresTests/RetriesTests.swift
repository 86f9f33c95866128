import CustodeCore
import HTTPFetch
import Synchronization
import Testing

@testable import BlobStores

@Suite("requests that are sent again")
struct RetriesTests {
    private struct Full: RandomSource {
        func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 255, count: count) }
    }

    @Test(
        "whatever a service asks for, the pause is a short one",
        arguments: ["-1", "-9223372036854775808", "9223372036854775807", "0", "3", "soon", "99999999999999999999"])
    func pauses(retryAfter: String) async {
        let pauses = Mutex<[Duration]>([])
        var retries = Retries(random: Full())
        retries.pause = { pause in pauses.withLock { $0.append(pause) } }
        let error = S3Error(FetchHead(status: 503, fields: [("Retry-After", retryAfter)]), body: [])
        await #expect(throws: S3Error.self) {
            try await retries(S3Request("GET", "key")) { _ throws(S3Error) in throw error }
        }
        let least = Duration.seconds(min(5, max(0, Int(retryAfter) ?? 0)))
        let told = pauses.withLock(\.self)
        #expect(
            told.count == Retries.attempts - 1 && told.allSatisfy { (least ... .seconds(10)).contains($0) }, "\(told)")
    }
}
