import CustodeTesting
import HTTPFetch
import Testing

@Suite("shutting down", .timeLimit(.minutes(2)))
struct ShutdownTests {
    @Test("ends what runs, refuses what comes, and does no harm twice")
    func ends() async throws {
        let asked = Notes<Int>()
        let server = try ScriptedServer { connection in
            let head = try connection.readHead()
            if head?.line.contains("/body") == true { try connection.send("HTTP/1.1 200 OK\r\n\r\nabc") }
            asked.add(1)
            try connection.waitForClose()
        }
        let fetcher = try Fetcher()
        let tasks = ["head", "body"].map { name in
            Task { await fetcher.failure(request("GET", server.url + name)) }
        }
        #expect(try await eventually { asked.all.count == 2 })
        async let first: Void = fetcher.shutdown()
        async let second: Void = fetcher.shutdown()
        _ = await (first, second)
        for task in tasks { #expect(await task.value?.code == .stopped) }
        await fetcher.shutdown()
        #expect(await fetcher.failure(request("GET", server.url))?.code == .stopped)
        #expect(try await eventually { server.openCount == 0 })
        #expect(server.connectionCount == 2)
        server.stop()
    }

    @Test("what came before is still there to be read")
    func remainder() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.readHead()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
            try connection.waitForClose()
        }
        let fetcher = try Fetcher()
        let body = try await fetcher.fetch(request("GET", server.url)).body
        await fetcher.shutdown()
        let error = await #expect(throws: FetchError.self) {
            while try await body.next() != nil {}
        }
        #expect(error?.code == .stopped)
        server.stop()
    }
}
