import CustodeTesting
import Foundation
import Glibc
import Testing

@Suite("Crowds of connections", .serialized)
struct CrowdTests {
    /// Lets this process hold as many connections as the system grants.
    private static func raiseLimit(to wanted: Int) throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        try #require(limit.rlim_max >= wanted, "the system grants too few open files (ulimit -Hn)")
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private static func resident(_ pid: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let match = try #require(status.firstMatch(of: /VmRSS:\s+(\d+) kB/))
        return try #require(Int(match.1)) << 10
    }

    @Test("ten thousand idle connections, with and without a request behind them: others are served, memory is bounded")
    func tenThousand() async throws {
        try Self.raiseLimit(to: 12_000)
        let world = try await World.start()
        let pid = try #require(world.service.pid)
        let job = try await world.jobWithInput()
        let before = try Self.resident(pid)
        var crowd: [RawConnection] = []
        for _ in 0..<10 { crowd += try await RawConnection.open(1_000, port: world.service.port) }
        // A tenth of them has been of use before.
        let request = world.service.client.head("GET", "/openapi.json", headers: [:], body: .none)
        for connection in crowd.prefix(1_000) { try await connection.send(request) }
        for connection in crowd.prefix(1_000) {
            let reply = try await connection.read()
            #expect(reply.status == 200)
        }
        var times: [Duration] = []
        for _ in 0..<20 {
            let started = ContinuousClock.now
            #expect(try await world.get("input", of: job).body == Sample.wav())
            times.append(.now - started)
        }
        times.sort()
        #expect(times[10] < .milliseconds(500), "\(times)")
        #expect(try await world.put("transcript", of: job, Sample.text()).status == 201)
        let each = (try Self.resident(pid) - before) / crowd.count
        print("an idle connection takes \(each) bytes; a GET beside ten thousand of them \(times[10])")
        #expect(each < 32 << 10)
        // None of them was thrown out: there is room.
        #expect(try await !crowd[9_999].isClosed(within: .milliseconds(10)))
        crowd.forEach { $0.close() }
        try await world.close()
    }

    @Test("more connections than may be: who only holds one loses it, and newcomers are served in seconds")
    func tooMany() async throws {
        let world = try await World.prepare()
        #expect(try await world.service.run("schema", "install").status == 0)
        let limited = ["--nofile=400:400", Checkout.binary, "serve"]
        let child = try ChildProcess.start(
            try #require(Checkout.tool("prlimit")), limited,
            environment: Command.environment.merging(world.service.settings) { $1 })
        let isReady = try await eventually { try await world.service.isReady() }
        try #require(isReady)
        let job = try await world.jobWithInput()
        // Somebody who is at it is not thrown out for others who are not.
        let busy = try await RawConnection.open(port: world.service.port)
        try await busy.send(
            world.service.client.head(
                "PUT", job.path("transcript"),
                headers: world.credentials(of: .alice) + ["Content-Length": "5"], body: .raw([])))
        let crowd = try await RawConnection.open(900, port: world.service.port)
        let started = ContinuousClock.now
        #expect(try await world.get("input", of: job).body == Sample.wav())
        #expect(ContinuousClock.now - started < .seconds(30))
        try await busy.send("Hello")
        #expect(try await busy.read(to: "PUT").status == 201)
        #expect(try await world.service.isReady())
        crowd.forEach { $0.close() }
        child.signal(15)
        #expect(try await child.end(within: .seconds(45)) == 0)
    }
}
