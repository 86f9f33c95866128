import ArgumentParser
import Foundation

/// The program: the caller in whose service Custode stands.
@main
struct SaaS: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "saas-api",
        abstract: "A small transcription SaaS in front of Custode: jobs, credits, payment, four screens.",
        discussion: """
            It has no access to the bucket: bytes go between browsers, the technical endpoints and Custode.
            Settings come from the environment; each secret can come from a file: <NAME>_FILE.

            \(SettingName.table)
            Exit status: 0 done, 1 failed or bad settings, 2 wrong usage.
            """,
        subcommands: [ServeCommand.self, SchemaCommand.self])

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
            complain("saas-api: \(error)")
            Foundation.exit(1)
        }
    }

    private static func complain(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}

/// `saas-api serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serves the API and the page, and calls the technical endpoints.")

    func run() async throws { try await Server(settings: try Settings.read()).run() }
}

/// `saas-api schema install`.
struct SchemaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "The tables of its own, in the schema saas.", subcommands: [Install.self])

    /// `saas-api schema install`.
    struct Install: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes them where they are missing; safe to repeat.")

        func run() async throws { try await Schema.install(try Settings.databaseURL()) }
    }
}
