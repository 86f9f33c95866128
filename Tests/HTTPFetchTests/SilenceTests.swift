import CustodeTesting
import Glibc
import HTTPFetch
import NIOCore
import Testing

@Suite("servers that fall silent", .timeLimit(.minutes(2)))
struct SilenceTests {
    private static let stall = Duration.milliseconds(700)

    /// How a request ends to a server that falls silent, and after how long.
    private func end(
        _ method: String = "GET", body: [UInt8]? = nil, _ script: @escaping ScriptedServer.Script
    ) async throws -> FetchError? {
        let server = try ScriptedServer { connection in
            try script(connection)
            try connection.waitForClose()
        }
        var error: FetchError?
        var time = Duration.zero
        try await withServer(server) { fetcher in
            time = await ContinuousClock().measure {
                error = await fetcher.failure(request(method, server.url, body: body, stall: Self.stall))
            }
        }
        #expect(time >= Self.stall)
        #expect(time < Self.stall + .seconds(5))
        return error
    }

    @Test("before it answers")
    func silent() async throws { #expect(try await end { _ in }?.code == .timedOut) }

    @Test("in mid-head")
    func head() async throws {
        let error = try await end { connection in
            _ = try connection.readHead()
            try connection.send("HTTP/1.1 200 OK\r\nContent-")
        }
        #expect(error?.code == .timedOut)
    }

    @Test("in mid-body")
    func body() async throws {
        let error = try await end { connection in
            _ = try connection.readHead()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        }
        #expect(error?.code == .timedOut)
    }

    @Test("and read nothing of a body")
    func deaf() async throws {
        let server = try ScriptedServer { connection in
            while connection.number > 0, try !connection.isClosed(within: .milliseconds(100)) {}
        }
        try await withServer(server) { fetcher in
            let body = Sample.noise(30_000_000)
            let error = await fetcher.failure(request("PUT", server.url, body: body, stall: Self.stall))
            #expect(error?.code == .timedOut)
        }
    }

    @Test("one that says little, but says it in time, is waited for")
    func trickle() async throws {
        let gate = Self.stall / 2
        let server = try ScriptedServer { connection in
            _ = try connection.readHead()
            try connection.send("HTTP/1.1 100 Continue\r\n\r\n")
            _ = try connection.isClosed(within: gate)
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n")
            _ = try connection.isClosed(within: gate)
            try connection.send("\r\n")
            for _ in 1...5 {
                _ = try connection.isClosed(within: gate)
                try connection.send("x")
            }
        }
        try await withServer(server) { fetcher async throws in
            let (_, body) = try await fetcher.whole(request("GET", server.url, stall: Self.stall))
            #expect(body == Array("xxxxx".utf8))
        }
    }

    @Test("a host that takes no connection has seen nothing")
    func noConnection() async throws {
        // A queue of one, which is full: the system drops whoever else asks.
        let full = try FullListener()
        let fetcher = try Fetcher()
        let error = await fetcher.failure(request("GET", full.url, stall: Self.stall))
        #expect(error?.code == .cannotConnect)
        await fetcher.shutdown()
    }
}
