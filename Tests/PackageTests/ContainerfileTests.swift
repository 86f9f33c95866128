import CustodeTesting
import Foundation
import Testing

/// No image is built here: no registry can be counted on.
@Suite("The file of the container")
struct ContainerfileTests {
    private static func text() throws -> String { try String(contentsOfFile: Containerfile.path, encoding: .utf8) }

    @Test("it pins its bases, runs as a numbered user, says who owns what, and copies what there is")
    func sound() throws {
        let file = Containerfile(try Self.text())
        #expect(file.faults == [])
        #expect(file.instructions.count > 15)
    }

    @Test(
        "a fault in it would be found",
        arguments: [
            ("debian:12-slim", "debian:latest"), ("docker.io/library/swift:6.3-bookworm", "swift"),
            ("USER 10001:10001\n", ""), ("USER 10001:10001", "USER custode"), ("USER 10001:10001", "USER 0:0"),
            ("COPY --chown=0:0 LICENSE", "COPY LICENSE"), ("COPY Sources", "COPY Source"),
            (" --no-install-recommends", ""), ("    && rm -rf /var/lib/apt/lists/* \\\n", ""),
            ("ENTRYPOINT [\"/usr/bin/custode\"]", "ENTRYPOINT /usr/bin/custode"), ("HEALTHCHECK NONE\n", ""),
            ("CMD [\"serve\"]", "CMD serve"), ("EXPOSE", "EXPORT"), ("COPY Package.swift", "ADD Package.swift"),
        ])
    func unsound(right: String, wrong: String) throws {
        let text = try Self.text()
        try #require(text.contains(right))
        #expect(Containerfile(text.replacing(right, with: wrong)).faults != [])
    }

    @Test("the user is that of the Kubernetes job, the program where units and job start it")
    func user() throws {
        let image = Containerfile(try Self.text()).image
        let job = try String(contentsOfFile: Checkout.script("systemd/custode-gc.cronjob.yaml"), encoding: .utf8)
        let user = try #require(image.first { $0.name == "USER" }).text
        let run = try #require(image.first { $0.name == "RUN" }).text
        for (index, key) in ["runAsUser", "runAsGroup"].enumerated() {
            let number = user.split(separator: ":")[index]
            #expect(job.contains("\(key): \(number)\n"))
        }
        #expect(run.contains("useradd --uid 10001 --gid 10001 ") && run.contains("groupadd --gid 10001 "))
        #expect(run.contains("install -d -m 750 -o 10001 -g 10001 /var/lib/custode"))
        let program = try #require(image.first { $0.name == "ENTRYPOINT" }).text
        #expect(program == "[\"/usr/bin/custode\"]")
        #expect(job.contains("command: [/usr/bin/custode]\n"))
        #expect(image.contains { $0.name == "COPY" && $0.operands.last == "/usr/bin/custode" })
    }

    @Test("what is sent to the builder is what is copied, and no more")
    func context() throws {
        let text = try String(contentsOfFile: Containerfile.path + ".dockerignore", encoding: .utf8)
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.first == "*")
        let sent = Set(lines.filter { $0.hasPrefix("!") }.map { String($0.dropFirst()) })
        let copied = Containerfile(try Self.text()).instructions
            .filter { $0.name == "COPY" && $0.option("from") == nil }.flatMap { $0.operands.dropLast() }
        #expect(sent == Set(copied))
    }

    @Test("every setting it makes is one of the binary's")
    func settings() async throws {
        let help = try await Command.succeed(Checkout.binary, ["serve", "--help"])
        let settings = Containerfile(try Self.text()).image.filter { $0.name == "ENV" }.flatMap(\.words)
        #expect(settings.count == 2)
        for setting in settings {
            #expect(help.contains("(\(setting.prefix { $0 != "=" }))"), "\(setting)")
        }
    }
}
