import CustodeTesting
import Glibc
import HTTPFetch
import NIOCore
import Testing

@Suite("request bodies", .timeLimit(.minutes(2)))
struct RequestBodyTests {
    /// Sends a request and gives back what the server saw of it.
    private func seen(_ request: FetchRequest) async throws -> (head: ServerConnection.Head, body: [UInt8]) {
        let notes = Notes<(ServerConnection.Head, [UInt8])>()
        let server = try ScriptedServer { connection in
            while let head = try connection.readHead() {
                notes.add((head, try connection.read(head.length)))
                try connection.send(ok)
            }
        }
        var request = request
        request.url = server.url
        try await withServer(server) { fetcher async throws in
            #expect(try await fetcher.whole(request).head.status == 200)
        }
        return try #require(notes.all.first)
    }

    @Test("a body arrives byte for byte", arguments: [0, 1, 70_000, 20 * 1_024 * 1_024], [false, true])
    func exact(count: Int, fromFile: Bool) async throws {
        let bytes = Sample.noise(count)
        var request = request("PUT", "", body: bytes)
        if fromFile {
            let file = UnnamedFile([1, 2, 3] + bytes + [4])
            request.body = .file(descriptor: file.descriptor, offset: 3, count: Int64(count), owner: file)
        }
        let (head, body) = try await seen(request)
        #expect(head.all("content-length") == ["\(count)"])
        #expect(head["expect"] == nil)
        #expect(head["transfer-encoding"] == nil)
        #expect(body == bytes)
    }

    @Test("PUT and POST without a body say so", arguments: ["PUT", "POST"])
    func empty(method: String) async throws {
        #expect(try await seen(request(method, "")).head.all("content-length") == ["0"])
    }

    @Test("DELETE carries a body only if there is one")
    func delete() async throws {
        let bare = try await seen(request("DELETE", ""))
        #expect(bare.head.line == "DELETE / HTTP/1.1")
        #expect(bare.head["content-length"] == nil)
        let full = try await seen(request("DELETE", "", body: [7]))
        #expect(full.head.all("content-length") == ["1"])
        #expect(full.body == [7])
    }

    @Test("an empty field, and one that is blank, are sent")
    func blank() async throws {
        var request = request("PUT", "", body: [1])
        request.headers = [("x-empty", ""), ("x-blank", "  \t"), ("x-last", "a:b;")]
        let head = try await seen(request).head
        #expect(head.all("x-empty") == [""])
        #expect(head.all("x-blank").count == 1)
        #expect(head["x-last"] == "a:b;")
    }

    @Test("a file that became shorter is told, and never taken for complete")
    func shorter() async throws {
        let file = UnnamedFile(Sample.noise(3_000_000))
        let notes = Notes<Int>()
        let server = try ScriptedServer { connection in
            _ = try connection.readHead()
            ftruncate(file.descriptor, 2_000_000)
            notes.add(try connection.waitForClose())
        }
        try await withServer(server) { fetcher async throws in
            var request = request("PUT", server.url)
            request.body = .file(descriptor: file.descriptor, offset: 0, count: 3_000_000, owner: file)
            #expect(await fetcher.failure(request)?.code == .unreadableBody)
            #expect(try await eventually { notes.all.count == 1 })
        }
        #expect((notes.all.first ?? .max) < 3_000_000)
    }

    @Test("a reply that overtakes the body is told", arguments: [false, true])
    func early(closes: Bool) async throws {
        let server = try ScriptedServer { connection in
            guard try connection.readHead() != nil else { return }
            let field = closes ? "Connection: close\r\n" : ""
            try connection.send("HTTP/1.1 403 Forbidden\r\n\(field)Content-Length: 4\r\n\r\ngone")
            // Read on, as a server must that wants its reply to arrive (RFC 9112 §9.6).
            connection.finishSending()
            try connection.waitForClose()
        }
        try await withServer(server) { fetcher in
            for _ in 1...10 {
                let request = request("PUT", server.url, body: Sample.noise(3_000_000))
                let (head, body) = try await fetcher.whole(request)
                #expect(head.status == 403)
                #expect(String(decoding: body, as: UTF8.self) == "gone")
            }
        }
    }
}
