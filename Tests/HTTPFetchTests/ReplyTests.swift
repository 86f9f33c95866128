import CustodeTesting
import HTTPFetch
import NIOCore
import Testing

@Suite("replies", .timeLimit(.minutes(2)))
struct ReplyTests {
    /// What comes of one reply, and on how many connections it and a second request were served.
    private func reply(_ method: String, _ wire: String, ends: Bool = false) async throws -> (
        head: FetchHead, body: String, connections: Int
    ) {
        let server = try ScriptedServer { connection in
            while try connection.readHead() != nil {
                try connection.send(wire)
                if ends { return }
            }
        }
        var result = (head: FetchHead(status: 0), body: "", connections: 0)
        try await withServer(server) { fetcher in
            for _ in 1...2 {
                let (head, body) = try await fetcher.whole(request(method, server.url))
                result = (head, String(decoding: body, as: UTF8.self), server.connectionCount)
            }
        }
        return result
    }

    @Test("a HEAD's reply has the length of what it does not carry")
    func head() async throws {
        let result = try await reply("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: \"a\" \t\r\n\r\n")
        #expect(result.head["content-length"] == "1000")
        #expect(result.head["etag"] == "\"a\"")
        #expect(result.body == "")
        #expect(result.connections == 1)
    }

    @Test("204 and 304 carry nothing, whatever they announce", arguments: [204, 304])
    func bodiless(status: Int) async throws {
        let result = try await reply("GET", "HTTP/1.1 \(status) x\r\nContent-Length: 1000\r\n\r\n")
        #expect(result.head.status == status)
        #expect(result.body == "")
        #expect(result.connections == 1)
    }

    @Test("provisional replies are passed over, and their fields are not the reply's")
    func provisional() async throws {
        let result = try await reply(
            "GET", "HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\nHTTP/1.1 103 Early\r\nX-A: 2\r\n\r\n" + ok)
        #expect(result.head == FetchHead(status: 200, fields: [("content-length", "2")]))
        #expect(result.body == "ok")
    }

    @Test("a reply without a length ends with its connection")
    func byClose() async throws {
        let result = try await reply("GET", "HTTP/1.1 200 OK\r\n\r\nall of it", ends: true)
        #expect(result.body == "all of it")
        #expect(result.connections == 2)
    }

    @Test("a chunked reply is put together, and what follows it left out")
    func chunked() async throws {
        let result = try await reply(
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nX-Late: 1\r\n\r\n")
        #expect(result.body == "abcde")
        #expect(result.head["x-late"] == nil)
        #expect(result.connections == 1)
    }

    @Test("redirects are not followed")
    func redirect() async throws {
        let result = try await reply(
            "GET", "HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        #expect(result.head.status == 307)
        #expect(result.head["location"] == "http://127.0.0.1:1/")
    }

    @Test("an empty 200 is one")
    func empty() async throws {
        #expect(try await reply("GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n").body == "")
    }

    @Test("more bytes than announced are not the reply's, and end the connection")
    func tooMuch() async throws {
        let result = try await reply("GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef")
        #expect(result.body == "abc")
        #expect(result.connections == 2)
    }

    @Test(
        "no reply is taken that is broken off or none",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
            "HTTP/1.1 200 OK\r\nContent-Le", "", "hello, this is not HTTP at all\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
        ])
    func broken(wire: String) async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readHead()
            try connection.send(wire)
        }
        try await withServer(server) { fetcher in
            #expect(await fetcher.failure(request("GET", server.url))?.code == .broken)
        }
    }

    @Test("a server that changes to another protocol unasked is not listened to for ever")
    func upgrade() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readHead()
            try connection.send("HTTP/1.1 101 Switching Protocols\r\n\r\n")
            _ = try connection.push(Sample.noise(4_000_000))
            try connection.waitForClose()
        }
        try await withServer(server, budget: 65_536) { fetcher in
            #expect(await fetcher.failure(request("GET", server.url, stall: .seconds(3)))?.code == .broken)
        }
    }

    @Test("a reply cut anywhere by FIN or RST is never a short one", arguments: [false, true])
    func cuts(resets: Bool) async throws {
        let body = Sample.noise(300_000)
        let head = Array("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n".utf8)
        let server = try ScriptedServer { connection in
            let line = try connection.readHead()?.line.split(separator: "/")[1].prefix { $0.isNumber }
            let count = line.flatMap { Int($0) } ?? 0
            try connection.send(Array((head + body).prefix(count)))
            if resets { connection.reset() }
        }
        try await withServer(server) { fetcher in
            for count in [0, 1, 20, head.count, head.count + 1, 100_000, head.count + body.count - 1] {
                let error = await fetcher.failure(request("GET", "\(server.url)\(count)"))
                #expect(error?.code == .broken, "after \(count) bytes")
            }
        }
    }

    @Test("a reply that is larger than its reader takes is refused")
    func collect() async throws {
        let server = try ScriptedServer(always: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789")
        try await withServer(server) { fetcher async throws in
            let error = await #expect(throws: FetchError.self) {
                try await fetcher.fetch(request("GET", server.url)).body.collect(upTo: 9)
            }
            #expect(error?.code == .tooLarge)
            #expect(try await fetcher.fetch(request("GET", server.url)).body.collect(upTo: 10).readableBytes == 10)
        }
    }
}
