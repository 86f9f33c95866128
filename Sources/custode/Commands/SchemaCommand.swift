import ArgumentParser
import PostgresCatalog
import PostgresClient

/// `custode schema …`.
struct SchemaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Installs, shows or removes Custode's own tables in the SaaS's database.",
        subcommands: [Install.self, Status.self, Uninstall.self])

    /// `custode schema install`.
    struct Install: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Brings the schema to this program's version; safe to repeat, and from several machines at once.")

        @OptionGroup var options: SettingOptions

        func run() async throws {
            try await SchemaCommand.with(options) { installer in
                let before = try await installer.install()
                let current = SchemaInstaller.currentVersion
                print(
                    before == current
                        ? "schema version \(current) was installed already" : "schema version \(current) installed")
            }
        }
    }

    /// `custode schema status`.
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says which version is installed; exits 1 if it is not the one this program needs.",
            discussion: "--json prints installed, needed, identity.")

        @OptionGroup var options: SettingOptions
        @Flag(help: "Print one JSON object.") var json = false

        func run() async throws {
            try await SchemaCommand.with(options) { installer in
                let status = try await installer.status()
                if json {
                    let identity = status.identity.map { "\"\($0)\"" } ?? "null"
                    print(
                        "{\"installed\":\(status.installed),\"needed\":\(status.needed),\"identity\":\(identity)}")
                } else {
                    print(
                        status.isCurrent
                            ? "schema version \(status.installed) is installed, as this program needs"
                            : "schema version \(status.installed) is installed, this program needs \(status.needed); "
                                + "run: custode schema install")
                }
                if !status.isCurrent { throw ExitCode(1) }
            }
        }
    }

    /// `custode schema uninstall`.
    struct Uninstall: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes Custode's tables and functions; the SaaS's rows and the bucket stay as they are.",
            discussion: "Types, checksums and names of objects are forgotten, and with them the objects' service.")

        @OptionGroup var options: SettingOptions

        func run() async throws {
            try await SchemaCommand.with(options) { installer in
                let before = try await installer.uninstall()
                print(before == 0 ? "no schema was installed" : "schema version \(before) removed")
            }
        }
    }

    private static func with(
        _ options: SettingOptions, _ body: (SchemaInstaller) async throws -> Void
    ) async throws {
        let connection = try await Parts(try options.settings()).connection()
        do {
            try await body(SchemaInstaller(connection))
        } catch let error as PostgresError {
            throw CommandFailure(description: "the database said: \(error.message)")
        }
        await connection.close()
    }
}

/// A command's failure, as one sentence for whoever ran it.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
}
