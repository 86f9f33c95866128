import ArgumentParser

/// `custode serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serves uploads, links and downloads until SIGTERM or Ctrl-C.",
        discussion: "SIGHUP reads the service keys and the link key ring again.")

    @OptionGroup var options: SettingOptions
    @Flag(help: "Mark the bucket as this database's, even if it holds objects or another's mark.") var adopt = false

    func run() async throws { try await Server(settings: try options.settings(), adopts: adopt).run() }
}
