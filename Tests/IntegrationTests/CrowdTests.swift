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
        let (world, child) = try await Self.limited(464)
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

    /// A service that may have only so many files open.
    private static func limited(_ files: Int) async throws -> (World, ChildProcess) {
        let world = try await World.prepare()
        #expect(try await world.service.run("schema", "install").status == 0)
        let child = try ChildProcess.start(
            try #require(Checkout.tool("prlimit")), ["--nofile=\(files):\(files)", Checkout.binary, "serve"],
            environment: Command.environment.merging(world.service.settings) { $1 })
        let isReady = try await eventually { try await world.service.isReady() }
        try #require(isReady)
        return (world, child)
    }

    @Test("a crowd that asks now and then, so as not to be at rest, keeps nobody out either")
    func restless() async throws {
        let (world, child) = try await Self.limited(464)
        let job = try await world.jobWithInput()
        // Twice as many as there may be, each of which asks twice a second, and comes again when it is sent away.
        let crowd = try ChildProcess.start(
            try #require(Checkout.tool("python3")),
            [
                "-c",
                """
                import socket, time
                def come():
                    s = socket.create_connection(("127.0.0.1", \(world.service.port))); s.setblocking(False); return s
                held = [come() for _ in range(420)]
                while True:
                    for i, s in enumerate(held):
                        try:
                            while True:
                                if not s.recv(65536): raise ConnectionError
                        except BlockingIOError: pass
                        except OSError:
                            s.close(); held[i] = s = come()
                        try: s.send(b"GET \(job.path("input")) HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
                        except OSError: pass
                    time.sleep(0.5)
                """,
            ], environment: Command.environment)
        let isCrowded = try await eventually(within: .seconds(30)) {
            let metrics = try await world.service.admin.request("GET", "/metrics").text
            let numbers = ["custode_connections", "custode_connections_limit"].map { name in
                metrics.split(separator: "\n").first { $0.hasPrefix(name + " ") }
                    .flatMap { Double($0.dropFirst(name.count + 1)) } ?? 0
            }
            return numbers[1] > 0 && numbers[0] > numbers[1] * 0.9
        }
        #expect(isCrowded)
        for _ in 0..<5 {
            let started = ContinuousClock.now
            #expect(try await world.get("input", of: job).status == 200)
            #expect(ContinuousClock.now - started < .seconds(10))
        }
        crowd.signal(9)
        _ = try await crowd.end(within: .seconds(10))
        child.signal(15)
        #expect(try await child.end(within: .seconds(45)) == 0)
    }

    @Test("uploads that are held open take no more files than there are for them: others get 503, and the rest goes on")
    func greedy() async throws {
        let (world, child) = try await Self.limited(464)
        let jobs = try await world.newJobs(170)
        let mine = try await world.jobWithInput()
        var held: [RawConnection] = []
        func begin(_ jobs: ArraySlice<TestJob>) async throws {
            for job in jobs {
                let connection = try await RawConnection.open(port: world.service.port)
                try await connection.send(
                    world.service.client.head(
                        "PUT", job.path("transcript"),
                        headers: world.credentials(of: .alice) + ["Content-Length": "90000"], body: .raw([])))
                try await connection.send([UInt8](repeating: 0x61, count: 8_192))
                held.append(connection)
            }
        }
        // There is room for 135 of these, and for 201 connections.
        try await begin(jobs[..<150])
        let isFull = try await eventually {
            try await world.service.admin.request("GET", "/metrics").text.contains("\ncustode_uploads_open 135\n")
        }
        #expect(isFull)
        try await begin(jobs[150...])
        for connection in held[150...] {
            #expect(try await connection.read(to: "PUT", within: .seconds(60)).status == 503)
        }
        #expect(try await world.service.isReady())
        #expect(try await world.send("GET", "/v1/jobs/\(mine.id)/objects").status == 200)
        held.prefix(20).forEach { $0.reset() }
        #expect(try await eventually { try await world.get("input", of: mine).status == 200 })
        held.forEach { $0.reset() }
        child.signal(15)
        #expect(try await child.end(within: .seconds(45)) == 0)
    }
}
