import CustodeTesting
import Foundation
import Testing

/// tus by a client of others, as far as it can be interrupted.
@Suite("Supabase stand-in: tuspy", .timeLimit(.minutes(2)))
struct TuspyTests {
    private static let folder = Checkout.root + "/Tests/SupabaseTests/Clients"

    /// A Python with the clients' packages; `scripts/test` makes it.
    private static let python = ProcessInfo.processInfo.environment["CUSTODE_TEST_PYTHON"] ?? "/usr/bin/python3"

    private static func run(
        _ script: String, _ arguments: [String], _ project: Project, _ settings: [String: String] = [:]
    ) async throws -> Int {
        let environment = Command.environment.merging(
            [
                "SUPABASE_URL": project.server.url, "SUPABASE_KEY": project.server.serviceKey,
                "PYTHONDONTWRITEBYTECODE": "1",
            ]
        ) { $1 }.merging(settings) { $1 }
        let outcome = try await Command.run(
            python, [folder + "/" + script] + arguments, environment: environment, within: .seconds(60))
        #expect(outcome.status == 0, "\(script) \(arguments): \(outcome.output) \(outcome.errors)")
        return outcome.output.split(separator: "\n").count { $0.hasPrefix("ok ") }
    }

    @Test("tuspy uploads in chunks of 6 MiB, is interrupted and resumes", arguments: ["whole", "resume", "flaky"])
    func tuspy(command: String) async throws {
        let project = try await Project.start()
        let folder = try TestFolder()
        let bytes = Sample.noise(14 << 20)
        let path = folder.path + "/sound.wav"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let settings = ["BUCKET": project.bucket, "FILE": path]
        #expect(try await Self.run("tuspy_calls.py", [command], project, settings) > 1)
        let object = try #require(project.server.objects(in: "box").first)
        #expect(object.name == command + ".wav")
        #expect(object.contentType == "audio/wav")
        #expect(object.cacheControl == "max-age=60")
        #expect(object.metadata == ["sha": "abc"])
        #expect(project.server.bytes(of: object.name, in: "box") == bytes)
        #expect(project.server.openUploads.isEmpty)
        folder.remove()
    }
}
