import CustodeTesting
import HTTPFetch
import NIOCore
import Testing

@Suite("readers that are slow", .timeLimit(.minutes(2)))
struct BackPressureTests {
    /// What sockets of both sides hold at most, as the kernel sets them up unasked: the client's take most of it.
    private static let sockets = 8 * 1_024 * 1_024

    @Test("a reader that stops makes the sender stop, and misses nothing when it reads on")
    func stops() async throws {
        let body = Sample.noise(40 * 1_024 * 1_024)
        let pushed = Notes<Int>()
        let server = try ScriptedServer { connection in
            _ = try connection.readHead()
            connection.keep(16 * 1_024)
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
            let count = try connection.push(body, patience: .milliseconds(2_500))
            pushed.add(count)
            connection.keep(1_024 * 1_024)
            try connection.send(Array(body[count...]))
        }
        try await withServer(server, budget: 1_024 * 1_024) { fetcher in
            let reply = try await fetcher.fetch(request("GET", server.url, stall: .seconds(2))).body
            // Longer than the server may be silent: it is not the server that everything waits for.
            #expect(try await eventually { pushed.all.count == 1 })
            #expect((pushed.all.first ?? .max) < 1_024 * 1_024 + Self.sockets)
            let received = try await reply.collect(upTo: body.count)
            #expect(received == ByteBuffer(bytes: body))
            #expect(try await reply.next() == nil)
        }
    }

    @Test("chunks are put together in order, however slowly they are read")
    func chunks() async throws {
        let body = Sample.noise(3_000_000)
        let server = try ScriptedServer { connection in
            _ = try connection.readHead()
            try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            var at = 0
            for size in sequence(first: 1, next: { $0 * 7 % 30_011 + 1 }) where at < body.count {
                let end = min(body.count, at + size)
                try connection.send(Array("\(String(end - at, radix: 16))\r\n".utf8) + body[at..<end] + [13, 10])
                at = end
                if at == body.count { break }
            }
            try connection.send("0\r\n\r\n")
        }
        try await withServer(server, budget: 65_536) { fetcher in
            let reply = try await fetcher.fetch(request("GET", server.url)).body
            var received = ByteBuffer()
            while let piece = try await reply.next() {
                received.writeImmutableBuffer(piece)
                for _ in 1...3 { await Task.yield() }
            }
            #expect(received == ByteBuffer(bytes: body))
        }
    }

    @Test("a thousand readers that do not read keep little memory")
    func memory() async throws {
        await #expect(processExitsWith: .success) {
            let noise = Sample.noise(4_000_000)
            let pushed = Notes<Int>()
            let server = try ScriptedServer { connection in
                _ = try connection.readHead()
                connection.keep(16 * 1_024)
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                pushed.add(try connection.push(noise))
                // Holds no buffer, which would count for the client's.
                _ = try connection.isClosed(within: .seconds(60))
            }
            let fetcher = try Fetcher()
            _ = try await fetcher.fetch(request("GET", server.url))
            let before = try ThisProcess.memory()
            var bodies: [FetchBody] = []
            for _ in 1...1_000 { bodies.append(try await fetcher.fetch(request("GET", server.url)).body) }
            try #require(try await eventually(within: .seconds(60)) { pushed.all.count >= 1_000 })
            let grown = try ThisProcess.memory() - before
            bodies = []
            // The budget, and for each 16 KiB for its reader, twice as much in libcurl, and a thread of the server's.
            try #require(grown < 192 * 1_024 * 1_024)
            await fetcher.shutdown()
        }
    }
}
