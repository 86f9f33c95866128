import Foundation
import Glibc
import PostgresClient
import Testing

/// A private Postgres, started through `scripts/postgres`, that goes when this process goes, however it goes.
final class TestServer: Sendable {
    /// The one that most tests share; each keeps to tables and connections of its own.
    static let shared = Result { try TestServer() }

    let uri: String
    private let folder: String
    private static let script = URL(filePath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "../../scripts/postgres").standardizedFileURL.path

    init() throws {
        folder =
            FileManager.default.temporaryDirectory
            .appending(path: "custode-pg-\(UUID().uuidString.prefix(8))").path
        try Self.guardFolder(folder)
        uri = try Self.run(["start", folder])
    }

    func stopImmediately() throws { _ = try Self.run(["stop", folder, "immediate"]) }
    func start() throws { _ = try Self.run(["start", folder]) }
    func restart() throws { _ = try Self.run(["restart", folder]) }

    func configuration(connections: Int = 4) -> PostgresConfiguration {
        var configuration = PostgresConfiguration(uri: uri)
        configuration.maximumConnections = connections
        return configuration
    }

    private static func run(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: script)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .merging(["CUSTODE_TEST_PG_FSYNC": "off"]) { given, _ in given }
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        struct ScriptFailed: Error { let arguments: [String] }
        guard process.terminationStatus == 0 else { throw ScriptFailed(arguments: arguments) }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Leaves a shell behind that reads from a socket this process never writes to; its end is our end.
    private static func guardFolder(_ folder: String) throws {
        var ends: (Int32, Int32) = (-1, -1)
        _ = withUnsafeMutableBytes(of: &ends) { pair in
            socketpair(
                AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0,
                pair.baseAddress?.assumingMemoryBound(to: Int32.self))
        }
        let watcher = Process()
        watcher.executableURL = URL(filePath: "/bin/bash")
        watcher.arguments = [
            "-c", "trap '' INT TERM HUP; read -r _; \"$0\" stop \"$1\" immediate; rm -rf \"$1\"", script,
            folder,
        ]
        watcher.standardInput = FileHandle(fileDescriptor: ends.0, closeOnDealloc: true)
        watcher.standardOutput = FileHandle.nullDevice
        watcher.standardError = FileHandle.nullDevice
        try watcher.run()
    }
}

/// Waits for a condition by looking again and again; records an issue if it does not come true in time.
func eventually(
    within limit: Duration = .seconds(10), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < end else {
            Issue.record("the condition did not come true in time", sourceLocation: sourceLocation)
            return
        }
        await Task.yield()
    }
}
