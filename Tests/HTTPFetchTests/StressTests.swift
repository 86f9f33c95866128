import CustodeTesting
import Glibc
import HTTPFetch
import NIOCore
import Testing

@Suite("many at once", .timeLimit(.minutes(4)))
struct StressTests {
    /// In a process of its own, whose descriptors nobody else opens.
    @Test("hundreds of requests with cuts, slow readers and cancellations all end, and leave no descriptor")
    func stress() async throws {
        await #expect(processExitsWith: .success) {
            // What is opened once for good is there before the count.
            try await Self.storm(requests: 20)
            let before = try ThisProcess.descriptors()
            try await Self.storm(requests: 600)
            try #require(try await eventually { try ThisProcess.descriptors() <= before })
        }
    }

    private static func storm(requests: Int) async throws {
        let noise = Sample.noise(400_000)
        let server = try ScriptedServer { connection in
            while let head = try connection.readHead() {
                let chance = Int.random(in: 0..<10)
                if chance == 0 { return connection.reset() }
                try connection.drop(head.length)
                if chance == 1 { return }
                let reply = Array("HTTP/1.1 200 OK\r\nContent-Length: \(noise.count)\r\n\r\n".utf8) + noise
                try connection.send(chance == 2 ? Array(reply.prefix(.random(in: 0..<reply.count))) : reply)
                if chance == 2 { return }
                if chance == 3 { return connection.reset() }
            }
        }
        let fetcher = try Fetcher(budget: 1_024 * 1_024)
        let whole = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<requests {
                group.addTask { await run(number, on: fetcher, server.url, noise) }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        try #require(whole > requests / 20)
        await fetcher.shutdown()
        server.stop()
    }

    /// Says whether it got its reply, which must then be the right one.
    private static func run(_ number: Int, on fetcher: Fetcher, _ url: String, _ noise: [UInt8]) async -> Bool {
        let task = Task {
            let body = number % 2 == 0 ? Array(noise.prefix(number * 500)) : nil
            let reply = try await fetcher.fetch(request(body == nil ? "GET" : "PUT", url, body: body)).body
            var received: [UInt8] = []
            while let piece = try await reply.next() {
                received += piece.readableBytesView
                if number % 3 == 0 { await Task.yield() }
                if number % 7 == 0, received.count > 100_000 { return false }
            }
            precondition(received == noise)
            return true
        }
        if number % 5 == 0 {
            for _ in 0..<number { await Task.yield() }
            task.cancel()
        }
        return (try? await task.value) ?? false
    }
}
