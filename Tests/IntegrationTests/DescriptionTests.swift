import CustodeTesting
import Foundation
import Testing

/// The description of the API, against tools that others wrote and against the service itself.
@Suite("What the service says of itself", .timeLimit(.minutes(5)))
struct DescriptionTests {
    private static let folder = Checkout.root + "/Tests/IntegrationTests/Clients"

    /// A Python with the tools' packages; `scripts/test` makes it.
    private static let python = ProcessInfo.processInfo.environment["CUSTODE_TEST_PYTHON"] ?? "/usr/bin/python3"

    /// What the service serves, in a file of a folder that is the caller's to remove.
    private static func document(_ world: World) async throws -> (folder: TestFolder, path: String) {
        let reply = try await world.send("GET", "/openapi.json", as: .stranger)
        #expect(reply.status == 200 && reply.header("Content-Type") == "application/json")
        let folder = try TestFolder()
        let path = folder.path + "/openapi.json"
        try Data(reply.body).write(to: URL(fileURLWithPath: path))
        return (folder, path)
    }

    @Test("it is OpenAPI 3.1, and every example is as its schema wants it")
    func valid() async throws {
        let (folder, path) = try await Self.document(try await World.shared())
        defer { folder.remove() }
        let outcome = try await Command.run(Self.python, [Self.folder + "/examples.py", path])
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("ok "))
    }
}
