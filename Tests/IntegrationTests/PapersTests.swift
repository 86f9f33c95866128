import CustodeTesting
import Foundation
import Testing

@Suite("The papers for operators")
struct PapersTests {
    private static let folder = Checkout.root + "/Sources/custode/Documentation.docc/"

    private static func papers() throws -> [(name: String, text: String)] {
        try TestFolder.files(below: folder).keys.sorted().map {
            ($0, try String(contentsOfFile: folder + $0, encoding: .utf8))
        }
    }

    @Test("DocC makes pages of them without a complaint")
    func pages() async throws {
        let out = try TestFolder()
        defer { out.remove() }
        let docc = try #require(Checkout.tool("docc"))
        let outcome = try await Command.run(
            docc,
            [
                "convert", Self.folder, "--fallback-display-name", "Custode", "--fallback-bundle-identifier",
                "custode", "--warnings-as-errors", "--output-path", out.path + "/docs",
            ])
        #expect(outcome.status == 0, "\(outcome)")
        let pages = TestFolder.files(below: out.path + "/docs/data").keys
        for name in ["operations", "recovery", "scaling", "saas"] {
            #expect(pages.contains { $0.hasSuffix("\(name).json") })
        }
    }

    @Test("every verb, setting, brake, alert, metric and file that they name is there")
    func named() async throws {
        let help = try await Command.succeed(Checkout.binary, ["--help"])
        let settings = try await Command.succeed(Checkout.binary, ["check", "--help"])
        let alerts = try String(contentsOfFile: Checkout.root + "/scripts/monitoring/alerts.yaml", encoding: .utf8)
        let papers = try Self.papers()
        #expect(papers.count == 5)
        for (name, text) in papers {
            for verb in Set(text.matches(of: /`custode ([a-z-]+)/).map { String($0.1) }) {
                #expect(help.contains("\n  \(verb) "), "\(name): custode \(verb)")
            }
            for setting in Set(text.matches(of: /CUSTODE_[A-Z0-9_]+/).map { String($0.output) }) {
                #expect(settings.contains("(\(setting))"), "\(name): \(setting)")
            }
            for alert in Set(text.matches(of: /`(Custode[A-Z][A-Za-z]+)`/).map { String($0.1) }) {
                #expect(alerts.contains("alert: \(alert)\n"), "\(name): \(alert)")
            }
            for file in Set(text.matches(of: /`((?:scripts|policies)\/[a-zA-Z0-9._\/-]+)/).map { String($0.1) }) {
                #expect(FileManager.default.fileExists(atPath: Checkout.root + "/" + file), "\(name): \(file)")
            }
        }
    }
}
