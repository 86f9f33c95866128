import CustodeTesting
import Foundation
import Testing
import Yams

@Suite("The units of systemd and the job of Kubernetes")
struct UnitFilesTests {
    /// What systemd says about all units together, once an edit was made to one; they find the binary where it was built.
    private static func verify(
        editing name: String? = nil, _ edit: (String) -> String = { $0 }
    ) async throws -> Command.Outcome {
        let folder = try TestFolder()
        defer { folder.remove() }
        let units = UnitFile.services + UnitFile.timers
        for unit in units {
            let text = try UnitFile(unit).text
            let built = text.replacing("=" + UnitFile.installedBinary, with: "=" + Checkout.binary)
            try (unit == name ? edit(built) : built)
                .write(toFile: folder.path + "/" + unit, atomically: true, encoding: .utf8)
        }
        let analyze = try #require(Checkout.tool("systemd-analyze"))
        return try await Command.run(analyze, ["verify", "--man=no"] + units.map { folder.path + "/" + $0 })
    }

    @Test("systemd finds no fault in any unit")
    func sound() async throws {
        let outcome = try await Self.verify()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(!outcome.errors.contains("custode"), "\(outcome.errors)")
        let known = UnitFile.services + UnitFile.timers + [UnitFile.cronJob]
        #expect(TestFolder.files(below: UnitFile.folder).keys.sorted() == known.sorted())
    }

    @Test(
        "a fault in a unit would be found",
        arguments: [
            ("custode.service", "NoNewPrivileges=", "NoNewPriviledges="),
            ("custode-gc.service", "=" + Checkout.binary, "=" + "/nowhere/custode"),
            ("custode-scrub.service", "@system-service", "@system-servant"),
            ("custode-gc.timer", "03:00:00", "25:00:00"),
        ])
    func unsound(unit: String, right: String, wrong: String) async throws {
        let outcome = try await Self.verify(editing: unit) { $0.replacing(right, with: wrong) }
        #expect(outcome.errors.contains(unit), "\(outcome.errors)")
    }

    /// The exposure that systemd sees in a unit, from 0 to 10.
    private static func exposure(_ name: String, _ edit: (String) -> String = { $0 }) async throws -> Double {
        let folder = try TestFolder()
        defer { folder.remove() }
        try edit(try UnitFile(name).text)
            .write(toFile: folder.path + "/" + name, atomically: true, encoding: .utf8)
        let analyze = try #require(Checkout.tool("systemd-analyze"))
        let told = try await Command.run(analyze, ["security", "--offline=true", folder.path + "/" + name]).output
        let level = try #require(told.firstMatch(of: /exposure level for .*: (\d+\.\d+)/)).1
        return try #require(Double(level))
    }

    @Test("systemd sees an exposure of 2.0 at most in every service", arguments: UnitFile.services)
    func exposure(name: String) async throws {
        #expect(try await Self.exposure(name) <= 2)
        #expect(try await Self.exposure(name) { $0.replacing("CapabilityBoundingSet=\n", with: "") } > 2)
    }

    @Test(
        "the verb and every option that a unit or the job gives the binary are the binary's",
        arguments: UnitFile.services + [UnitFile.cronJob])
    func knownOptions(name: String) async throws {
        let words = try Self.commandLine(name)
        #expect(words.first == UnitFile.installedBinary)
        let verb = try #require(words.dropFirst().first)
        let help = try await Command.run(Checkout.binary, [verb, "--help"]).output
        // Asked for help with a verb that is none, it explains itself and exits 0.
        let isVerb = help.contains("USAGE: custode \(verb) ")
        #expect(isVerb, "there is no verb \(verb)")
        let listed = Set(help.matches(of: /--[a-z][a-z0-9-]*/).map { String($0.output) })
        for option in words.dropFirst(2) where option.hasPrefix("--") {
            #expect(listed.contains(option), "\(verb) \(option)")
        }
    }

    @Test("every setting of the job is one of the binary's")
    func knownSettings() async throws {
        let help = try await Command.succeed(Checkout.binary, ["check", "--help"])
        for variable in try Self.container()["env"] as? [[String: Any]] ?? [] {
            let name = try #require(variable["name"] as? String)
            #expect(help.contains("(\(name))"), "\(name)")
        }
    }

    @Test(
        "collection is due at three, spread over a quarter of an hour, and made up for after a night off")
    func nightly() async throws {
        let timer = try UnitFile("custode-gc.timer")
        #expect(timer["Persistent"] == "true")
        #expect(timer["RandomizedDelaySec"] == "15min")
        let analyze = try #require(Checkout.tool("systemd-analyze"))
        let due = try await Command.succeed(analyze, ["calendar", try #require(timer["OnCalendar"])])
        #expect(due.contains("*-*-* 03:00:00\n"), "\(due)")
        #expect(due.contains("Next elapse") && !due.contains("Next elapse: never"), "\(due)")
        for name in UnitFile.timers { #expect(try UnitFile(name)["WantedBy"] == "timers.target") }
    }

    @Test("a brake that held makes the unit fail, once, and the unit says how to hear of it")
    func brake() throws {
        let unit = try UnitFile("custode-gc.service")
        #expect(unit["Type"] == "oneshot")
        for key in ["SuccessExitStatus", "Restart", "RestartForceExitStatus"] { #expect(!unit.has(key), "\(key)") }
        #expect(unit["ExecStart"]?.hasPrefix("/") == true, "a dash would hide the exit status")
        #expect(unit.text.contains("\n#   OnFailure="))
    }

    @Test("the service may drain for its 30 s before it is killed")
    func drain() async throws {
        let limit = try #require(try UnitFile("custode.service")["TimeoutStopSec"])
        let seconds = try #require(limit.wholeMatch(of: /(\d+)s/)?.1)
        #expect(try #require(Int(seconds)) > 30)
    }

    @Test("the job runs at three, never twice at once, and does not try a held brake again")
    func cronJob() throws {
        let job = try Self.job()
        #expect(job["apiVersion"] as? String == "batch/v1")
        #expect(job["kind"] as? String == "CronJob")
        let spec = try #require(job["spec"] as? [String: Any])
        #expect(spec["schedule"] as? String == "0 3 * * *")
        #expect(spec["timeZone"] as? String == "Etc/UTC")
        #expect(spec["concurrencyPolicy"] as? String == "Forbid")
        #expect(try #require(spec["startingDeadlineSeconds"] as? Int) > 0)
        let template = try #require((spec["jobTemplate"] as? [String: Any])?["spec"] as? [String: Any])
        #expect(template["backoffLimit"] as? Int == 0)
        #expect(try Self.pod()["restartPolicy"] as? String == "Never")
    }

    @Test("the job's container has the collector's settings, a place to write, and no more rights than that takes")
    func confined() throws {
        let pod = try Self.pod()
        // Variables made of a Service called custode would stop the start, as any unknown CUSTODE_… does.
        #expect(pod["enableServiceLinks"] as? Bool == false)
        #expect((pod["securityContext"] as? [String: Any])?["runAsNonRoot"] as? Bool == true)
        let container = try Self.container()
        let security = try #require(container["securityContext"] as? [String: Any])
        #expect(security["readOnlyRootFilesystem"] as? Bool == true)
        #expect(security["allowPrivilegeEscalation"] as? Bool == false)
        let limits = (container["resources"] as? [String: Any])?["limits"] as? [String: Any]
        #expect(limits?["memory"] as? String == "256Mi")
        var settings: [String: [String: Any]] = [:]
        for variable in container["env"] as? [[String: Any]] ?? [] {
            settings[try #require(variable["name"] as? String)] = variable
        }
        #expect(settings["CUSTODE_BUCKET"] != nil && settings["CUSTODE_ENVIRONMENT"] != nil)
        let database = try #require(settings["CUSTODE_DATABASE_URL"]?["valueFrom"] as? [String: Any])
        #expect(database["secretKeyRef"] != nil)
        let state = try #require(settings["CUSTODE_STATE_DIR"]?["value"] as? String)
        let mount = (container["volumeMounts"] as? [[String: Any]] ?? []).first { $0["mountPath"] as? String == state }
        let volumes = pod["volumes"] as? [[String: Any]] ?? []
        let volume = try #require(volumes.first { $0["name"] as? String == mount?["name"] as? String })
        #expect(volume["emptyDir"] != nil)
    }

    private static func commandLine(_ name: String) throws -> [String] {
        guard name == UnitFile.cronJob else {
            return try #require(try UnitFile(name)["ExecStart"]).split(separator: " ").map(String.init)
        }
        let container = try container()
        return (container["command"] as? [String] ?? []) + (container["args"] as? [String] ?? [])
    }

    private static func job() throws -> [String: Any] {
        try #require(try Yams.load(yaml: try UnitFile(UnitFile.cronJob).text) as? [String: Any])
    }

    private static func pod() throws -> [String: Any] {
        let spec = try job()["spec"] as? [String: Any]
        let template = (spec?["jobTemplate"] as? [String: Any])?["spec"] as? [String: Any]
        return try #require((template?["template"] as? [String: Any])?["spec"] as? [String: Any])
    }

    private static func container() throws -> [String: Any] {
        let all = try #require(try pod()["containers"] as? [[String: Any]])
        #expect(all.count == 1)
        return try #require(all.first)
    }
}
