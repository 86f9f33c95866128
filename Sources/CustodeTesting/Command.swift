import Foundation

/// A program run to its end.
public enum Command {
    /// What a program left behind.
    public struct Outcome: Sendable {
        /// The exit status as a shell tells it.
        public let status: Int32
        /// All of standard output, read as UTF-8.
        public let output: String
        /// All of standard error, read as UTF-8.
        public let errors: String
    }

    /// Runs a program and returns what it said; one that outlives `limit` is killed, which throws.
    public static func run(
        _ program: String, _ arguments: [String], environment: [String: String] = Command.environment,
        within limit: Duration = .seconds(60)
    ) async throws -> Outcome {
        let files = try TestFolder()
        defer { files.remove() }
        let child = try ChildProcess.start(
            program, arguments, environment: environment, output: files.path + "/out",
            errors: files.path + "/err")
        let status = try await child.end(within: limit)
        return Outcome(
            status: status, output: files.text("out") ?? "", errors: files.text("err") ?? "")
    }

    /// Runs a program that must exit 0 and returns its standard output.
    @discardableResult
    public static func succeed(
        _ program: String, _ arguments: [String], environment: [String: String] = Command.environment,
        within limit: Duration = .seconds(60)
    ) async throws -> String {
        let outcome = try await run(program, arguments, environment: environment, within: limit)
        guard outcome.status == 0 else {
            throw HarnessError(
                "\(program) \(arguments.joined(separator: " ")): exit \(outcome.status)\n\(outcome.errors)")
        }
        return outcome.output
    }

    /// This process's environment without anything that configures the service or a database client.
    public static let environment: [String: String] = ProcessInfo.processInfo.environment.filter { name, _ in
        !name.hasPrefix("CUSTODE_") && !name.hasPrefix("PG") && name != "DATABASE_URL"
    }
}
