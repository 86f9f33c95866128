import ArgumentParser
import Foundation

/// The program: one verb a file, and the exit status of every ending.
@main
struct Custode: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "custode",
        abstract: "Owns every access to a private bucket: uploads, signed links, downloads, collection.",
        discussion: """
            Settings come from options, the environment (CUSTODE_…) and a YAML file, in this order.
            Exit status: 0 done, 1 failed or bad settings, 2 wrong usage, 3 a brake held.
            """,
        version: version,
        subcommands: [
            ServeCommand.self, SchemaCommand.self, CheckCommand.self, LinkCommand.self, KeysCommand.self,
            ServiceKeyCommand.self, GCCommand.self, RestoreCommand.self, ScrubCommand.self, MigrateCommand.self,
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            end(error)
        }
    }

    private static func end(_ error: any Error) -> Never {
        switch exitCode(for: error) {
        case .success: exit(withError: error)
        case .validationFailure:
            complain(fullMessage(for: error))
            Foundation.exit(2)
        default:
            if let code = error as? ExitCode { Foundation.exit(code.rawValue) }
            let text = String(describing: error)
            complain(text.hasPrefix("custode: ") ? text : "custode: \(text)")
            Foundation.exit(1)
        }
    }

    private static func complain(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}
