import CustodeTesting
import HTTPFetch
import Testing

@Suite("connections", .timeLimit(.minutes(2)))
struct ConnectionTests {
    @Test("requests after one another share a connection, and no header field")
    func reuse() async throws {
        let heads = Notes<ServerConnection.Head>()
        let server = try ScriptedServer { connection in
            while let head = try connection.readHead() {
                heads.add(head)
                try connection.send(ok)
            }
        }
        try await withServer(server) { fetcher async throws in
            for fields in [[("authorization", "Bearer one")], [("authorization", "AWS4 two"), ("x-a", "b")], []] {
                var request = request("GET", server.url)
                request.headers = fields
                #expect(try await fetcher.whole(request).body == Array("ok".utf8))
            }
        }
        #expect(server.connectionCount == 1)
        #expect(heads.all.map { $0.all("authorization") } == [["Bearer one"], ["AWS4 two"], []])
        #expect(heads.all.map { $0["x-a"] } == [nil, "b", nil])
    }

    @Test("a connection that the server closed while idle is not used", arguments: [false, true])
    func idle(resets: Bool) async throws {
        let server = try ScriptedServer { connection in
            guard try connection.readHead() != nil else { return }
            try connection.send(ok)
            if resets { connection.reset() }
        }
        try await withServer(server) { fetcher async throws in
            for _ in 1...3 {
                #expect(try await fetcher.whole(request("GET", server.url)).head.status == 200)
                #expect(try await eventually { server.openCount == 0 })
            }
        }
        #expect(server.connectionCount == 3)
    }

    /// Closed at the very moment it is used: before anything is read, after the head, in the middle of the body.
    @Test(
        "a request whose connection closes under it is sent again, its body from the start",
        arguments: [-1, 0, 1_000_000])
    func rewinds(read: Int) async throws {
        let body = Sample.noise(4_000_000)
        let bodies = Notes<[UInt8]>()
        let server = try ScriptedServer { connection in
            while let head = try connection.readHead() {
                if connection.number == 1, head.length > 0 {
                    if read > 0 { try connection.drop(read) }
                    if read < 0 { connection.reset() }
                    return
                }
                bodies.add(try connection.read(head.length))
                try connection.send(ok)
            }
        }
        try await withServer(server) { fetcher in
            _ = try await fetcher.whole(request("GET", server.url))
            #expect(try await fetcher.whole(request("PUT", server.url, body: body)).head.status == 200)
        }
        #expect(server.connectionCount == 2)
        #expect(bodies.all.last == body)
    }

    /// The server only says that it is done; the client notices when it may not send any more.
    @Test("a request is sent again where the server stopped speaking before it stopped reading")
    func halfClosed() async throws {
        let body = Sample.noise(8_000_000)
        let server = try ScriptedServer { connection in
            while let head = try connection.readHead() {
                if connection.number == 1, head.length > 0 {
                    connection.finishSending()
                    try connection.drop(2_000_000)
                    return connection.reset()
                }
                try connection.drop(head.length)
                try connection.send(ok)
            }
        }
        try await withServer(server) { fetcher in
            _ = try await fetcher.whole(request("GET", server.url))
            #expect(try await fetcher.whole(request("PUT", server.url, body: body)).head.status == 200)
        }
        #expect(server.connectionCount == 2)
    }

    @Test("a server that may have seen a request is not told apart as one that has not")
    func seen() async throws {
        let fetcher = try Fetcher()
        // Listens for one connection, answers one request on it, and is gone when the next one has come.
        let server = try ScriptedServer { connection in
            guard try connection.readHead() != nil else { return }
            try connection.send(ok)
            _ = try connection.readHead()
        }
        _ = try await fetcher.whole(request("GET", server.url))
        let url = server.url
        server.stopListening()
        // Nobody listens, so that the retry finds no connection: the first one was used all the same.
        let error = await fetcher.failure(request("POST", url, body: [1]))
        #expect(error?.code == .broken)
        await fetcher.shutdown()
        server.stop()
    }

    @Test("a host that refuses, or has no address, has seen nothing")
    func nobody() async throws {
        let fetcher = try Fetcher()
        let urls = try ["http://127.0.0.1:\(FreePort.pick())/", "http://nobody.invalid/"]
        for url in urls {
            #expect(await fetcher.failure(request("GET", url))?.code == .cannotConnect)
        }
        await fetcher.shutdown()
    }
}
