import ArgumentParser
import CustodeCore

/// `custode keys …`.
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Rotates, lists or revokes the keys that links are signed with.",
        discussion: "Send SIGHUP to the service afterwards. Secrets are never shown.",
        subcommands: [Rotate.self, List.self, Revoke.self])

    /// `custode keys rotate`.
    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets the next key sign and makes a new next one; links made before stay good.")

        @OptionGroup var options: SettingOptions

        func run() async throws {
            try KeysCommand.change(options) { ring, parts in
                let active = ring.rotate(random: parts.random, now: parts.clock.now())
                print("key \(active) signs from now on; send SIGHUP to custode serve")
            }
        }
    }

    /// `custode keys list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the keys.", discussion: "--json prints keys: id, state, created_at.")

        @OptionGroup var options: SettingOptions
        @Flag(help: "Print one JSON object.") var json = false

        func run() async throws {
            let keys = try Parts(try options.settings()).keyRing().keys
            if json {
                let items = keys.map {
                    "{\"id\":\($0.id),\"state\":\"\($0.state.rawValue)\",\"created_at\":\"\($0.createdAt.rfc3339)\"}"
                }
                print("{\"keys\":[\(items.joined(separator: ","))]}")
            } else {
                for key in keys { print("\(key.id)\t\(key.state.rawValue)\t\(key.createdAt.rfc3339)") }
            }
        }
    }

    /// `custode keys revoke`.
    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ends every link made with a key; an active key is replaced by the next one.")

        @OptionGroup var options: SettingOptions
        @Argument(help: "The key's number, as custode keys list shows it.") var id: UInt16

        func run() async throws {
            try KeysCommand.change(options) { ring, parts in
                guard ring.revoke(id, random: parts.random, now: parts.clock.now()) else {
                    throw CommandFailure(description: "there is no key \(id); see custode keys list")
                }
                print("key \(id) is revoked; send SIGHUP to custode serve")
            }
        }
    }

    private static func change(_ options: SettingOptions, _ body: (inout KeyRing, Parts) throws -> Void) throws {
        let settings = try options.settings()
        let parts = Parts(settings)
        _ = try parts.keyRing()
        try KeyRingFile(path: settings.linkKeysPath).change { ring in try body(&ring, parts) }
    }
}
