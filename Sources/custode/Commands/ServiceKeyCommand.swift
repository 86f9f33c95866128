import ArgumentParser
import CustodeCore
import Identity

/// `custode service-key …`.
struct ServiceKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service-key", abstract: "Makes keys for the services that call.", subcommands: [New.self])

    /// `custode service-key new`.
    struct New: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints a new key once, and the line for the file that CUSTODE_SERVICE_KEYS names.",
            discussion: "--json prints key, line.")

        @Option(help: "What to call it: letters, digits, . and -.") var id: String
        @Option(help: "delegate (all that a user may do), artifacts (read, and write artifacts), or both.")
        var grants: String
        @Flag(help: "Print one JSON object.") var json = false

        func run() async throws {
            var parsed: Set<Grant> = []
            for name in grants.split(separator: ",") {
                guard let grant = Grant(rawValue: String(name)) else {
                    throw ValidationError("\(name) is no grant; there are delegate and artifacts")
                }
                parsed.insert(grant)
            }
            guard let made = ServiceKeys.make(id: id, grants: parsed) else {
                throw ValidationError("--id holds 1 to 64 letters, digits, dots and hyphens; --grants at least one")
            }
            if json {
                print("{\"key\":\"\(made.key)\",\"line\":\"\(made.line)\"}")
            } else {
                print("key:  \(made.key)\nline: \(made.line)")
                print("The key is not stored anywhere: keep it now. Append the line to the file, then send SIGHUP.")
            }
        }
    }
}
