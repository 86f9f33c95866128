import CustodeCore
import Synchronization
import Testing

@testable import BlobStores

@Suite("a listing in pages, whoever gives them")
struct RemoteListingTests {
    /// Pages without an entry, each of which names another.
    private final class EmptyPages: ListingPages {
        let count = Mutex(0)
        let last: Int?

        init(last: Int?) { self.last = last }

        var canJump: Bool { false }

        func fetch(token: String?, startAfter: String?) async throws(BlobStoreError) -> [UInt8] {
            let number = count.withLock { count in
                count += 1
                return count
            }
            return Array(String(number).utf8)
        }

        func read(_ bytes: [UInt8]) throws(BlobStoreError) -> RemoteListing.Page {
            let number = String(decoding: bytes, as: UTF8.self)
            return RemoteListing.Page(token: number, isTruncated: number != last.map(String.init))
        }

        func glimpseToken(_ bytes: [UInt8]) -> String? { nil }
    }

    @Test("some empty pages are nothing, and ever more of them an error")
    func empty() async throws {
        #expect(try await RemoteListing(EmptyPages(last: 900), scope: ListingScope()).next() == nil)
        let endless = RemoteListing(EmptyPages(last: nil), scope: ListingScope())
        await #expect(throws: BlobStoreError.self) { try await endless.next() }
        #expect(try await endless.next() == nil)
    }
}
