import ArgumentParser
import CustodeCore
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
        @Flag(help: "Mark the bucket as this database's, even if it holds objects or another's mark.") var adopt = false

        func run() async throws {
            try await SchemaCommand.with(options) { installer in
                let done = try await installer.install()
                let current = SchemaInstaller.currentVersion
                print(
                    done.before == current
                        ? "schema version \(current) was installed already" : "schema version \(current) installed")
                if !done.hasTriggers {
                    print(
                        "triggers: not granted on jobs and artifacts; deleted jobs are found by custode gc alone, or run: "
                            + "grant trigger on jobs, artifacts to this role, and install again")
                }
            }
            try await mark()
        }

        /// Tells the bucket whose it is, where one is given.
        private func mark() async throws {
            let settings = try options.settings()
            guard settings.bucket != nil else {
                if adopt { throw CommandFailure(description: "--adopt marks the bucket: set CUSTODE_BUCKET") }
                return
            }
            let parts = Parts(settings)
            let pool = try parts.collectionPool()
            do {
                try await parts.withBucket { store, _ in
                    try await (store as? any PreparedStore)?.prepare()
                    let catalog = try await parts.collection(pool)
                    print(try await parts.bucketMark(store).claim(catalog.circumstances(), adopt: adopt).sentence)
                }
            } catch let error as BlobStoreError {
                // The schema is installed all the same, and the first serve marks an empty bucket too.
                guard !adopt else { throw CommandFailure(description: "the bucket was not marked: \(error)") }
                print("the bucket was not marked: \(error)")
            }
            await pool.close()
        }
    }

    /// `custode schema status`.
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says which version is installed; exits 1 if it is not the one this program needs.",
            discussion: "--json prints installed, needed, identity, triggers.")

        @OptionGroup var options: SettingOptions
        @Flag(help: "Print one JSON object.") var json = false

        func run() async throws {
            try await SchemaCommand.with(options) { installer in
                let status = try await installer.status()
                if json {
                    let identity = status.identity.map { "\"\($0)\"" } ?? "null"
                    print(
                        "{\"installed\":\(status.installed),\"needed\":\(status.needed),\"identity\":\(identity),"
                            + "\"triggers\":\(status.hasTriggers)}")
                } else {
                    print(
                        status.isCurrent
                            ? "schema version \(status.installed) is installed, as this program needs"
                            : "schema version \(status.installed) is installed, this program needs \(status.needed); "
                                + "run: custode schema install")
                }
                if !json, status.installed > 0, !status.hasTriggers {
                    print("triggers: not installed, or switched off; custode gc alone finds what goes")
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
