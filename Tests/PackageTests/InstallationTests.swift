import CustodeTesting
import Foundation
import Testing

@Suite(
    "The Debian package, installed", .serialized, .timeLimit(.minutes(5)),
    .enabled(if: DebianPackage.path != nil, "scripts/test makes one"),
    .enabled(if: geteuid() == 0, "installing takes root"))
struct InstallationTests {
    private static let enabled = "/etc/systemd/system/multi-user.target.wants/custode.service"

    /// A root with the package in it, nothing else done.
    private static func installed() async throws -> ThrowAwayRoot {
        let root = try await ThrowAwayRoot.make()
        let package = URL(fileURLWithPath: try #require(DebianPackage.path))
        try FileManager.default.copyItem(at: package, to: URL(fileURLWithPath: root.path + "/custode.deb"))
        try await install(in: root)
        return root
    }

    private static func install(in root: ThrowAwayRoot) async throws {
        let outcome = try await root.run("dpkg", ["--install", "/custode.deb"])
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    }

    @Test("it makes its user and folder, its units are sound, and nothing runs or will")
    func fresh() async throws {
        let root = try await Self.installed()
        let user = try await root.run("getent", ["passwd", "custode"]).output
        #expect(user.hasSuffix(":/var/lib/custode:/usr/sbin/nologin\n"), "\(user)")
        #expect(try await root.facts("/var/lib/custode") == "custode:custode 750")
        #expect(try await root.facts("/etc/custode/custode.env") == "root:root 600")
        #expect(!root.has(Self.enabled))

        let version = try await root.run("custode", ["--version"])
        #expect(version.output == (try await Command.succeed(Checkout.binary, ["--version"])), "\(version.errors)")
        let units = TestFolder.files(below: root.path + "/usr/lib/systemd/system").keys
            .filter { $0.hasPrefix("custode") }.map { "/usr/lib/systemd/system/" + $0 }
        #expect(units.count == 5)
        for unit in units {
            let outcome = try await root.run("systemd-analyze", ["verify", unit])
            #expect(outcome.status == 0 && !outcome.errors.contains("custode"), "\(outcome.errors)")
        }
        #expect(try await root.run("mv", ["/usr/bin/custode", "/usr/bin/moved"]).status == 0)
        let broken = try await root.run("systemd-analyze", ["verify", "/usr/lib/systemd/system/custode.service"])
        #expect(broken.status != 0 && broken.errors.contains("custode"), "a fault would not have been found")
        #expect(try await root.run("mv", ["/usr/bin/moved", "/usr/bin/custode"]).status == 0)
        // Not configured, it says what is missing.
        let check = try await root.custode(["check"])
        #expect(check.status == 1 && (check.output + check.errors).contains("CUSTODE_DATABASE_URL"))
        try await root.remove()
    }

    @Test("configured, it checks, serves and collects with the policy that came with it")
    func configured() async throws {
        let root = try await Self.installed()
        let world = try await World.prepare()
        try await Self.configure(root, world)
        for verb in [["schema", "install"], ["gc", "--json"]] {
            let outcome = try await root.custode(verb)
            #expect(outcome.status == 0, "\(verb): \(outcome.output)\(outcome.errors)")
        }
        let check = try await root.custode(["check", "--json"])
        #expect(check.status == 0, "\(check.output)\(check.errors)")
        #expect(check.output.contains("policy /etc/custode/policies/storage.yaml"), "\(check.output)")

        let child = try root.start(["serve"])
        let isReady = try await eventually(within: .seconds(30)) { try await world.service.isReady() }
        try #require(
            isReady, "\(String(describing: try? String(contentsOfFile: root.changes + "/log", encoding: .utf8)))")
        let job = try await world.jobWithInput()
        #expect(try await world.get("input", of: job).body == Sample.wav())
        child.signal(15)
        #expect(try await child.end() == 0)
        #expect(try await root.facts("/var/lib/custode/link-keys.json") == "custode:custode 600")
        try await root.remove()
    }

    @Test("an upgrade keeps settings, removal keeps keys and bytes, a purge keeps the bytes and says so")
    func lifeCycle() async throws {
        let root = try await Self.installed()
        let world = try await World.prepare()
        try await Self.configure(root, world)
        #expect(try await root.custode(["schema", "install"]).status == 0)
        #expect(try await root.custode(["keys", "rotate"]).status == 0)
        #expect(try await root.run("systemctl", ["enable", "custode.service", "custode-gc.timer"]).status == 0)
        #expect(root.has(Self.enabled))
        let settings = try String(contentsOfFile: root.path + "/etc/custode/custode.env", encoding: .utf8)

        try await Self.install(in: root)
        #expect(try String(contentsOfFile: root.path + "/etc/custode/custode.env", encoding: .utf8) == settings)
        #expect(try await root.facts("/etc/custode/custode.env") == "root:root 600")
        #expect(root.has(Self.enabled))

        let removal = try await root.run("dpkg", ["--remove", "custode"])
        #expect(removal.status == 0, "\(removal.errors)")
        #expect(!root.has("/usr/bin/custode") && !root.has("/usr/lib/systemd/system/custode.service"))
        #expect(root.has("/etc/custode/custode.env") && root.has("/var/lib/custode/link-keys.json"))
        #expect(root.has("/var/lib/custode/bucket/.custode/identity.json"))

        let purge = try await root.run("dpkg", ["--purge", "custode"])
        #expect(purge.status == 0, "\(purge.errors)")
        for gone in [
            "/etc/custode/custode.env", "/etc/custode/policies", "/var/lib/custode/link-keys.json", Self.enabled,
        ] {
            #expect(!root.has(gone), "\(gone)")
        }
        #expect(root.has("/etc/custode/service-keys") && root.has("/var/lib/custode/bucket/.custode/identity.json"))
        for said in [
            "/var/lib/custode stays", "bucket", "/etc/custode stays", "service-keys", "the user custode stays",
        ] {
            #expect(purge.errors.contains(said), "\(purge.errors)")
        }
        try await root.remove()
    }

    @Test("a purge leaves nothing of the package's but the user")
    func clean() async throws {
        let root = try await Self.installed()
        #expect(try await root.run("systemctl", ["enable", "custode.service", "custode-scrub.timer"]).status == 0)
        try await Self.install(in: root)
        let purge = try await root.run("dpkg", ["--purge", "custode"])
        #expect(purge.status == 0, "\(purge.errors)")
        // What was there before and is gone is a device with the numbers 0 and 0.
        let left = try await Command.succeed(
            "/usr/bin/find", [root.changes, "-name", "*custode*", "!", "-type", "c", "!", "-name", "custode.deb"])
        #expect(left == "", "\(left)")
        #expect(try await root.run("getent", ["passwd", "custode"]).status == 0)
        try await root.remove()
    }

    /// Settings for a world's database, with its listeners and one of its keys, and a bucket of its own.
    private static func configure(_ root: ThrowAwayRoot, _ world: World) async throws {
        var lines = ["CUSTODE_BUCKET=file:///var/lib/custode/bucket", "CUSTODE_SERVICE_KEYS=/etc/custode/service-keys"]
        for name in ["CUSTODE_DATABASE_URL", "CUSTODE_LISTEN", "CUSTODE_ADMIN_LISTEN"] {
            lines.append("\(name)=\(try #require(world.service.settings[name]))")
        }
        try root.write(lines.joined(separator: "\n") + "\n", to: "/etc/custode/custode.env", mode: 0o600)
        try root.write(world.bothKey.line, to: "/etc/custode/service-keys", mode: 0o640)
        #expect(try await root.run("chown", ["root:custode", "/etc/custode/service-keys"]).status == 0)
        let folder = ["-d", "-m", "750", "-o", "custode", "-g", "custode", "/var/lib/custode/bucket"]
        #expect(try await root.run("install", folder).status == 0)
    }
}
