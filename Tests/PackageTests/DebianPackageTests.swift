import CustodeTesting
import Foundation
import Testing

@Suite("The Debian package", .enabled(if: DebianPackage.path != nil, "scripts/test makes one"))
struct DebianPackageTests {
    @Test("lintian finds no fault in it")
    func lintian() async throws {
        let path = try #require(DebianPackage.path)
        let arguments = ["--allow-root", "--fail-on", "error,warning", "--no-tag-display-limit", path]
        let outcome = try await Command.run("/usr/bin/lintian", arguments, within: .seconds(600))
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    }

    @Test("it installs the program, units, policy, settings and papers, and everything is root's")
    func contents() async throws {
        let entries = try await DebianPackage.entries()
        for entry in entries {
            #expect(entry.owner == "root/root", "\(entry.path)")
            let mode =
                switch entry.path {
                case "/usr/bin/custode": "-rwxr-xr-x"
                case "/etc/custode/custode.env": "-rw-------"
                default: entry.mode.hasPrefix("d") ? "drwxr-xr-x" : "-rw-r--r--"
                }
            #expect(entry.mode == mode, "\(entry.path)")
        }
        let files = Set(entries.filter { !$0.mode.hasPrefix("d") }.map(\.path))
        let units = try FileManager.default.contentsOfDirectory(atPath: Checkout.script("systemd"))
            .filter { !$0.hasSuffix(".yaml") }.map { "/usr/lib/systemd/system/" + $0 }
        #expect(units.count == 5)
        let papers = ["README.md.gz", "changelog.gz", "changelog.Debian.gz", "copyright"]
        let expected =
            units + papers.map { "/usr/share/doc/custode/" + $0 } + [
                "/usr/bin/custode", "/etc/custode/custode.env", "/etc/custode/policies/storage.yaml",
                "/usr/share/custode/database/grants.sql", "/usr/share/custode/bucket/s3.json",
                "/usr/share/man/man8/custode.8.gz",
            ]
        #expect(Set(expected).subtracting(files) == [])
        #expect(!files.contains { $0.hasPrefix("/usr/local") || $0.hasPrefix("/var") })
    }

    @Test("units and policy are those of the checkout; every file below /etc is the administrator's to change")
    func copies() async throws {
        let root = try await DebianPackage.extracted()
        defer { root.remove() }
        for unit in try FileManager.default.contentsOfDirectory(atPath: root.path + "/usr/lib/systemd/system") {
            let wanted = try String(contentsOfFile: Checkout.script("systemd/" + unit), encoding: .utf8)
            #expect(root.text("usr/lib/systemd/system/" + unit) == wanted)
        }
        let policy = try String(contentsOfFile: Checkout.policy, encoding: .utf8)
        #expect(root.text("etc/custode/policies/storage.yaml") == policy)
        let fields = try await DebianPackage.field("Conffiles")
        let listed = fields.split(separator: "\n").map { $0.split(separator: " ")[0] }
        let conffiles = try String(contentsOfFile: Checkout.script("debian/conffiles"), encoding: .utf8)
        let below = TestFolder.files(below: root.path + "/etc").keys.map { "/etc/" + $0 }
        #expect(Set(below) == Set(conffiles.split(separator: "\n").map(String.init)), "\(listed)")
    }

    @Test("nothing in it names the folder it was built in, and the program needs no library of Swift's")
    func builtAnywhere() async throws {
        let root = try await DebianPackage.extracted()
        defer { root.remove() }
        // 0: found, 1: not found.
        let search = try await Command.run("/bin/grep", ["-rlaF", Checkout.root, root.path])
        #expect(search.status == 1, "\(search.output)")
        let dynamic = try await Command.succeed("/usr/bin/readelf", ["-d", root.path + "/usr/bin/custode"])
        #expect(!dynamic.contains("libswift") && !dynamic.contains("Foundation"), "\(dynamic)")
        #expect(!dynamic.contains("RUNPATH") && !dynamic.contains("RPATH"), "\(dynamic)")
    }

    @Test("its settings are the binary's, and all of them comments")
    func settings() async throws {
        let text = try String(contentsOfFile: Checkout.script("debian/custode.env"), encoding: .utf8)
        let help = try await Command.succeed(Checkout.binary, ["serve", "--help"])
        let lines = text.split(separator: "\n")
        #expect(lines.allSatisfy { $0.hasPrefix("#") })
        let names = lines.compactMap { $0.firstMatch(of: /^#(CUSTODE_[A-Z0-9_]+)=/)?.1 }
        #expect(names.count > 10)
        for name in names {
            let setting = name.hasSuffix("_FILE") ? name.dropLast(5) : name
            #expect(help.contains("(\(setting))"), "\(name)")
        }
    }

    @Test("the manual names every verb")
    func manual() async throws {
        let manual = try String(contentsOfFile: Checkout.script("debian/custode.8"), encoding: .utf8)
        let help = try await Command.succeed(Checkout.binary, ["--help"])
        let verbs = help.split(separator: "SUBCOMMANDS:").last?.matches(of: #/\n  ([a-z][a-z-]*) /#).map { $0.1 } ?? []
        #expect(verbs.count > 8)
        for verb in verbs {
            #expect(manual.contains("\n.B \(verb.replacing("-", with: "\\-"))\n"), "\(verb)")
        }
    }

    @Test("the image installs what the package depends on")
    func dependencies() async throws {
        let depends = try await DebianPackage.field("Depends").split(separator: ",").map { dependency in
            // Releases after Debian 12 have some of them under names that end in t64.
            let name = dependency.split(separator: " ")[0]
            return name.hasSuffix("t64") ? name.dropLast(3) : name
        }
        // Every image of Debian has the C and C++ libraries; the user is made without adduser.
        let present: Set<Substring> = ["libc6", "libgcc-s1", "libstdc++6", "adduser"]
        let file = Containerfile(try String(contentsOfFile: Containerfile.path, encoding: .utf8))
        let installed = file.image.filter { $0.name == "RUN" }.flatMap(Containerfile.packages)
        #expect(Set(depends).subtracting(present) == Set(installed.map { $0[...] }))
    }
}
