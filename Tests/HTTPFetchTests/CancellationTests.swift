import CustodeTesting
import HTTPFetch
import NIOCore
import Testing

@Suite("requests that are given up", .timeLimit(.minutes(2)))
struct CancellationTests {
    /// A server that sends this much of a reply and waits; the notes have an entry for each connection that ended.
    private func server(_ wire: String, _ ended: Notes<ContinuousClock.Instant>, _ asked: Notes<Int>) throws
        -> ScriptedServer
    {
        try ScriptedServer { connection in
            _ = try connection.readHead()
            try connection.send(wire)
            asked.add(1)
            try connection.waitForClose()
            ended.add(.now)
        }
    }

    @Test("cancelling ends the transfer at once", arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
    func cancel(wire: String) async throws {
        let (ended, asked) = (Notes<ContinuousClock.Instant>(), Notes<Int>())
        let server = try server(wire, ended, asked)
        try await withServer(server) { fetcher async throws in
            let task = Task { await fetcher.failure(request("GET", server.url)) }
            #expect(try await eventually { asked.all.count == 1 })
            let start = ContinuousClock.now
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            #expect(try await eventually { ended.all.count == 1 })
            #expect(try #require(ended.all.first) - start < .seconds(5))
        }
    }

    @Test("cancelling ends a body on its way out at once")
    func cancelUpload() async throws {
        let (ended, asked) = (Notes<ContinuousClock.Instant>(), Notes<Int>())
        let server = try server("", ended, asked)
        try await withServer(server) { fetcher async throws in
            var request = request("PUT", server.url)
            request.body = .bytes(ByteBuffer(repeating: 1, count: 64 * 1_024 * 1_024))
            let task = Task { [request] in await fetcher.failure(request) }
            #expect(try await eventually { asked.all.count == 1 })
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            #expect(try await eventually(within: .seconds(5)) { ended.all.count == 1 })
        }
    }

    @Test("a request of a cancelled task reaches nobody")
    func before() async throws {
        let server = try ScriptedServer(always: ok)
        try await withServer(server) { fetcher async throws in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await fetcher.failure(request("GET", server.url))
            }
            #expect(await task.value?.code == .cancelled)
            #expect(try await fetcher.whole(request("GET", server.url)).head.status == 200)
        }
        #expect(server.connectionCount == 1)
    }

    @Test("letting go of a body ends its transfer at once")
    func dropping() async throws {
        let (ended, asked) = (Notes<ContinuousClock.Instant>(), Notes<Int>())
        let server = try server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", ended, asked)
        try await withServer(server) { fetcher async throws in
            for read in [false, true] {
                let seen = ended.all.count
                let body = try await fetcher.fetch(request("GET", server.url)).body
                if read { _ = try await body.next() }
                let start = ContinuousClock.now
                _ = consume body
                #expect(try await eventually { ended.all.count == seen + 1 })
                #expect(try #require(ended.all.last) - start < .seconds(5))
            }
        }
    }
}
