import CustodeTesting
import Foundation
import Testing

@Suite("The ring of link keys: rotated, revoked, reloaded", .serialized)
struct KeyRingTests {
    private static let world = Once { try await World.start() }

    private func status(_ world: World, _ target: String) async throws -> Int {
        try await world.send("GET", target, as: .stranger).status
    }

    /// A link printed by the command line, which reads the ring afresh.
    private func freshLink(_ world: World, _ job: TestJob) async throws -> String {
        let outcome = try await world.service.run("link", "--job", job.id, "--object", "input")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let url = try #require(outcome.output.firstMatch(of: /http:\S+/)?.output)
        return try World.target(of: String(url))
    }

    private func keys(_ world: World) async throws -> [(id: Int, state: String)] {
        let outcome = try await world.service.run("keys", "list", "--json")
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try JSON(Array(outcome.output.utf8))["keys"].array.map { key in
            (try #require(key["id"].int), try #require(key["state"].string))
        }
    }

    @Test("after a rotation links made before and after it are good, before the reload and after")
    func rotation() async throws {
        let world = try await Self.world.value()
        let job = try await world.jobWithInput()
        let before = try await world.link("input", of: job)
        #expect(try await world.service.run("keys", "rotate").status == 0)
        let states = try await keys(world).map(\.state)
        for state in ["active", "next", "retiring"] { #expect(states.contains(state), "\(states)") }
        let after = try await freshLink(world, job)
        #expect(try await status(world, after) == 200, "the next key is known in advance")
        world.service.signal(1)
        for target in [before, after, try await world.link("input", of: job)] {
            #expect(try await status(world, target) == 200)
        }
    }

    @Test("a revoked key's links are 403 from the reload on, those of the others live")
    func revocation() async throws {
        let world = try await Self.world.value()
        let job = try await world.jobWithInput()
        let old = try await freshLink(world, job)
        let active = try #require(try await keys(world).first { $0.state == "active" }?.id)
        #expect(try await world.service.run("keys", "revoke", String(active)).status == 0)
        world.service.signal(1)
        let isOver = try await eventually { try await self.status(world, old) == 403 }
        #expect(isOver)
        #expect(try await status(world, try await world.link("input", of: job)) == 200)
        #expect(try await keys(world).contains { $0.id == active && $0.state == "revoked" })
    }

    @Test("a ring file that cannot be read changes nothing at a reload")
    func broken() async throws {
        let world = try await Self.world.value()
        let job = try await world.jobWithInput()
        let target = try await world.link("input", of: job)
        let state = world.service.folder.path + "/state"
        let ring = try #require(TestFolder.files(below: state).keys.first { $0.hasSuffix(".json") })
        let text = try String(contentsOfFile: state + "/" + ring, encoding: .utf8)
        try "nonsense".write(toFile: state + "/" + ring, atomically: false, encoding: .utf8)
        let length = world.service.log.utf8.count
        world.service.signal(1)
        let isTold = try await eventually { world.service.log.utf8.count > length }
        #expect(isTold, "the log tells of it")
        #expect(try await status(world, target) == 200)
        try text.write(toFile: state + "/" + ring, atomically: false, encoding: .utf8)
    }

    @Test("the ring is kept in a folder of any name")
    func oddFolder() async throws {
        let folder = try TestFolder().path + "/st ate %20 ü"
        let outcome = try await Self.world.value().service.run(
            ["keys", "rotate"], settings: ["CUSTODE_STATE_DIR": folder])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(!TestFolder.files(below: folder).isEmpty)
    }
}
