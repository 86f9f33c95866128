import CustodeTesting
import Foundation
import Glibc
import HTTPFetch
import NIOCore
import Testing

@Suite("requests that are none", .timeLimit(.minutes(2)))
struct RequestFaultTests {
    /// Nothing of it may reach a server that listens.
    private func refuses(_ change: (inout FetchRequest) -> Void) async throws {
        let server = try ScriptedServer(always: ok)
        try await withServer(server) { fetcher in
            var request = request("PUT", server.url, body: [1, 2])
            change(&request)
            #expect(await fetcher.failure(request)?.code == .malformed)
        }
        #expect(server.connectionCount == 0)
    }

    @Test(
        "URLs that are none, or of which a part would be lost, are refused",
        arguments: [
            "", "x", "localhost", "/a", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http:///", "http://a b/",
            "http://127.0.0.1:99999/", "http://[::1/",
        ])
    func urls(url: String) async throws { try await refuses { $0.url = url } }

    @Test("nothing can be smuggled into a URL", arguments: ["\r\nX: y", "\n", "\0", " HTTP/1.1", "#part", "\u{7F}"])
    func urlEndings(ending: String) async throws { try await refuses { $0.url += ending } }

    @Test("a URL's user and password would be sent on, and are refused")
    func users() async throws {
        try await refuses { $0.url = $0.url.replacing("http://", with: "http://user:password@") }
    }

    @Test("nothing can be smuggled into a field", arguments: ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "\r\n"])
    func values(value: String) async throws { try await refuses { $0.headers = [("x-a", value)] } }

    @Test("a field's name is a token", arguments: ["", "a b", "a:", ":a", "a\r\nX", "a;", "ä", "a\0"])
    func names(name: String) async throws { try await refuses { $0.headers = [(name, "1")] } }

    @Test("a method is a token", arguments: ["", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "A B", "A\0"])
    func methods(method: String) async throws { try await refuses { $0.method = method } }

    @Test("a body has one length")
    func lengths() async throws {
        try await refuses { $0.headers = [("Content-Length", "1")] }
        try await refuses { $0.headers = [("transfer-encoding", "chunked")] }
        try await refuses { $0.method = "HEAD" }
    }

    @Test("neither proxies of the environment nor passwords at home are used")
    func environment() async throws {
        await #expect(processExitsWith: .success) {
            let home = try TestFolder()
            for name in ["http_proxy", "all_proxy", "ALL_PROXY", "HTTP_PROXY"] { setenv(name, "http://127.0.0.1:1", 1) }
            setenv("HOME", home.path, 1)
            let secret = "machine 127.0.0.1 login user password secret\n"
            try secret.write(toFile: home.path + "/.netrc", atomically: false, encoding: .utf8)
            let heads = Notes<ServerConnection.Head>()
            let server = try ScriptedServer { connection in
                while let head = try connection.readHead() {
                    heads.add(head)
                    try connection.send(ok)
                }
            }
            let fetcher = try Fetcher()
            try #require(await fetcher.failure(request("GET", server.url)) == nil)
            try #require(heads.all.map { $0["authorization"] } == [nil])
            await fetcher.shutdown()
            home.remove()
        }
    }
}
