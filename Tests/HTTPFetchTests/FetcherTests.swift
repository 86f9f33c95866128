import HTTPFetch
import NIOCore
import Testing

@Suite("requests over libcurl")
struct FetcherTests {
    @Test("a server that is not there is told apart from one that broke off")
    func nobody() async throws {
        let fetcher = try Fetcher()
        let error = await #expect(throws: FetchError.self) {
            _ = try await fetcher.fetch(FetchRequest("GET", "http://127.0.0.1:1/"))
        }
        #expect(error?.code == .cannotConnect)
        await fetcher.shutdown()
    }
}
