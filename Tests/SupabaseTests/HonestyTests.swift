import CustodeTesting
import Foundation
import Testing

/// What keeps the stand-in honest: Supabase's own client must not notice.
@Suite("Supabase's own Python client against the stand-in", .timeLimit(.minutes(2)))
struct HonestyTests {
    @Test(
        "buckets, objects, listings, moves, links and tus are what storage3 and tuspy take them for",
        arguments: [false, true])
    func client(isOld: Bool) async throws {
        var configuration = SupabaseStandIn.Configuration()
        configuration.omitsCode = isOld
        let server = try await SupabaseStandIn.start(configuration)
        let folder = try TestFolder()
        let sound = Sample.wav(samples: 7_000_000)
        try Data(sound).write(to: URL(filePath: folder.path + "/sound.wav"))
        let environment = Command.environment.merging([
            "URL": server.url + "/storage/v1", "KEY": server.serviceKey, "ANON": server.anonKey,
            "FILE": folder.path + "/sound.wav", "PYTHONDONTWRITEBYTECODE": "1",
        ]) { $1 }
        let python = ProcessInfo.processInfo.environment["CUSTODE_TEST_PYTHON"] ?? "/usr/bin/python3"
        let outcome = try await Command.run(
            python, [Checkout.root + "/Tests/SupabaseTests/Clients/storage3_client.py"], environment: environment,
            within: .seconds(90))
        #expect(outcome.status == 0 && outcome.output.hasSuffix("well\n"), "\(outcome.output) \(outcome.errors)")
        try await server.stop()
    }
}
