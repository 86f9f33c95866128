import CustodeTesting
import Foundation
import Testing

@Suite("What the units forbid", .serialized)
struct UnitSandboxTests {
    /// The system calls of a filter's entry; a group's are those that systemd says, of the groups in it too.
    private static func calls(_ entry: String) async throws -> Set<Substring> {
        guard entry.hasPrefix("@") else { return [entry[...]] }
        let analyze = try #require(Checkout.tool("systemd-analyze"))
        var found: Set<Substring> = []
        for line in try await Command.succeed(analyze, ["syscall-filter", entry]).split(separator: "\n").dropFirst() {
            let name = line.drop { $0 == " " }
            if !name.hasPrefix("#") { found.formUnion(try await calls(String(name))) }
        }
        return found
    }

    /// Runs a verb from its start to its end, and returns every system call it made.
    private static func trace(_ verb: [String], of world: World) async throws -> [Substring] {
        let folder = try TestFolder()
        defer { folder.remove() }
        let options = ["-f", "-o", folder.path + "/trace", Checkout.binary]
        try await Command.succeed(
            try #require(Checkout.tool("strace")), options + verb,
            environment: Command.environment.merging(world.service.settings) { $1 })
        return (folder.text("trace") ?? "").split(separator: "\n")
    }

    /// What the service does when everything is asked of it that it has, from then on until it has stopped.
    private static func traceService(of world: World) async throws -> [Substring] {
        let tracer = try await Tracer.attach(to: try #require(world.service.pid), options: [])
        let job = try await world.jobWithInput(Sample.wav(samples: 1 << 20))
        let link = try await world.link("input", of: job)
        #expect(try await world.send("GET", link, as: .stranger).status == 200)
        #expect(try await world.get("input", of: job).status == 200)
        #expect(try await world.put("transcript", of: job, Sample.text(1)).status == 201)
        #expect(try await world.send("DELETE", job.path("input"), as: .user(job.user)).status == 204)
        world.service.signal(1)
        try await world.close()
        return try await tracer.detach(isKilled: true)
    }

    @Test(
        "what serve, gc and scrub do is what their units allow: system calls, kinds of sockets, no code made on the way"
    )
    func allowed() async throws {
        let world = try await World.start()
        var lines = try await Self.trace(["check"], of: world) + Self.traceService(of: world)
        // A first run that only looks, one that quarantines what was deleted, one that purges it.
        for now in ["+1s", "+21h", "+400h"] {
            lines += try await Self.trace(["gc", "--json", "--now", now], of: world)
        }
        lines += try await Self.trace(["scrub", "--json"], of: world)
        let used = Set(lines.compactMap { $0.firstMatch(of: /^\d+ +([a-z_0-9]+)\(/)?.1 })
        let expected: Set<Substring> = [
            "openat2", "sendfile", "linkat", "renameat2", "unlinkat", "fsync", "exit_group",
        ]
        #expect(used.isSuperset(of: expected), "\(used.sorted())")
        let sockets = Set(lines.compactMap { $0.firstMatch(of: /socket\((AF_[A-Z0-9]+)/)?.1 })
        for name in UnitFile.services {
            let unit = try UnitFile(name)
            let forbidden = used.subtracting(try await Self.calls(try #require(unit["SystemCallFilter"])))
            #expect(forbidden == [])
            #expect(sockets.subtracting(try #require(unit["RestrictAddressFamilies"]).split(separator: " ")) == [])
            // What openat2(2) is asked lies where no filter sees it, so that these forbid it altogether.
            #expect(!unit.has("RestrictSUIDSGID") && !unit.has("DynamicUser"))
            #expect(unit["MemoryDenyWriteExecute"] == "yes")
        }
        for line in lines where line.contains("PROT_EXEC") {
            #expect(!line.contains("mprotect(") && !line.contains("PROT_WRITE"), "\(line)")
        }
    }

    @Test("the service needs no capability, as its unit leaves it none")
    func powerless() async throws {
        let world = try await World.prepare()
        #expect(try await world.service.run("schema", "install").status == 0)
        let isRoot = geteuid() == 0
        let powerless = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", Checkout.binary, "serve"]
        let child = try ChildProcess.start(
            isRoot ? try #require(Checkout.tool("setpriv")) : Checkout.binary, isRoot ? powerless : ["serve"],
            environment: Command.environment.merging(world.service.settings) { $1 })
        let isReady = try await eventually { try await world.service.isReady() }
        try #require(isReady)
        let job = try await world.jobWithInput()
        #expect(try await world.get("input", of: job).body == Sample.wav())
        child.signal(15)
        #expect(try await child.end(within: .seconds(45)) == 0)
    }
}
