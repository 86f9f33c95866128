import CustodeTesting
import Foundation
import Testing
import Yams

@Suite("Units of systemd, and the CronJob beside them")
struct UnitFilesTests {
    private static let folder = Checkout.script("systemd")
    private static let units = [
        "custode.service", "custode-gc.service", "custode-gc.timer", "custode-scrub.service", "custode-scrub.timer",
    ]

    private static func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
    }

    /// What `systemd-analyze verify` says of the units, installed with a binary that is there.
    private static func verify(_ change: (String) -> String = { $0 }) async throws -> Command.Outcome {
        let installed = try TestFolder()
        defer { installed.remove() }
        for unit in units {
            let text = try change(text(unit).replacing("/usr/local/bin/custode", with: Checkout.binary))
            try text.write(toFile: "\(installed.path)/\(unit)", atomically: true, encoding: .utf8)
        }
        let tool = try #require(Checkout.tool("systemd-analyze"))
        return try await Command.run(tool, ["verify"] + units.map { "\(installed.path)/\($0)" })
    }

    @Test("systemd finds nothing to say against the units")
    func verified() async throws {
        let outcome = try await Self.verify()
        let said = outcome.errors.split(separator: "\n").filter { $0.contains("custode") }
        #expect(outcome.status == 0 && said.isEmpty, "\(outcome.errors)")
        let broken = try await Self.verify { $0.replacing("Type=oneshot", with: "Type=twice") }
        #expect(broken.errors.contains("custode-gc.service"), "a fault is told: \(broken.errors)")
    }

    @Test("collection runs at 03:00, spread at random, and a night that was missed is made up for")
    func timer() async throws {
        let timer = try Self.text("custode-gc.timer")
        for line in ["OnCalendar=*-*-* 03:00:00", "Persistent=true"] {
            #expect(timer.contains("\n\(line)\n"), "\(line)")
        }
        #expect(timer.contains(/\nRandomizedDelaySec=\d+min\n/))
        let tool = try #require(Checkout.tool("systemd-analyze"))
        let calendar = try await Command.succeed(tool, ["calendar", "*-*-* 03:00:00"])
        #expect(calendar.contains("03:00:00"))
    }

    @Test("a held brake fails the unit and the Job, and is not tried again")
    func brakesShow() throws {
        let service = try Self.text("custode-gc.service")
        #expect(!service.contains(/\n(SuccessExitStatus|Restart)=/))
        let job = try Self.cronJob()
        #expect(job["backoffLimit"] as? Int == 0)
        let pod = try #require((job["template"] as? [String: Any])?["spec"] as? [String: Any])
        #expect(pod["restartPolicy"] as? String == "Never")
    }

    @Test("the CronJob runs at 03:00 UTC, never two at once, and without rights that it does not need")
    func cronJob() throws {
        let whole = try #require(try Yams.load(yaml: Self.text("custode-gc.cronjob.yaml")) as? [String: Any])
        #expect(whole["kind"] as? String == "CronJob" && whole["apiVersion"] as? String == "batch/v1")
        let spec = try #require(whole["spec"] as? [String: Any])
        #expect(spec["schedule"] as? String == "0 3 * * *" && spec["timeZone"] as? String == "Etc/UTC")
        #expect(spec["concurrencyPolicy"] as? String == "Forbid")
        let container = try Self.container()
        let security = try #require(container["securityContext"] as? [String: Any])
        #expect(security["readOnlyRootFilesystem"] as? Bool == true)
        #expect(security["allowPrivilegeEscalation"] as? Bool == false)
    }

    @Test("every command and option that units and CronJob name is one that the program has")
    func commands() async throws {
        var lines = try Self.units.flatMap { try Self.text($0).split(separator: "\n") }
            .filter { $0.hasPrefix("ExecStart=") }.map { $0.split(separator: " ").dropFirst().map(String.init) }
        lines.append(try #require(try Self.container()["args"] as? [String]))
        #expect(lines.count == 4)
        for words in lines {
            let help = try await Command.run(Checkout.binary, [words[0], "--help"])
            #expect(help.status == 0, "\(words)")
            for option in words where option.hasPrefix("--") { #expect(help.output.contains(option), "\(words)") }
        }
    }

    @Test("every setting that the CronJob gives is one that the program knows")
    func settings() async throws {
        let names = try #require(try Self.container()["env"] as? [[String: Any]]).compactMap { $0["name"] as? String }
        #expect(names.contains("CUSTODE_ENVIRONMENT"))
        let world = try await World.prepare()
        for name in names { #expect(name == "CUSTODE_ENVIRONMENT" || world.service.settings[name] != nil, "\(name)") }
    }

    private static func cronJob() throws -> [String: Any] {
        let whole = try #require(try Yams.load(yaml: text("custode-gc.cronjob.yaml")) as? [String: Any])
        let template = try #require((whole["spec"] as? [String: Any])?["jobTemplate"] as? [String: Any])
        return try #require(template["spec"] as? [String: Any])
    }

    private static func container() throws -> [String: Any] {
        let pod = try #require((cronJob()["template"] as? [String: Any])?["spec"] as? [String: Any])
        return try #require((pod["containers"] as? [[String: Any]])?.first)
    }
}
