import CustodeTesting
import Foundation
import Testing

@Suite("What the units forbid", .serialized)
struct UnitSandboxTests {
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
