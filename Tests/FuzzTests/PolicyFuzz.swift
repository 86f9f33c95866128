import CustodeTesting
import Foundation
import Testing

@testable import CustodeCore

@Suite("fuzzing policies", .serialized)
struct PolicyFuzz {
    /// A policy file, flattened: a line for each key.
    static let lines = """
        objects.input.families=[audio,video,text]
        objects.input.max_bytes=5GiB
        objects.input.extensions=[bin,wav,txt]
        objects.transcript.families=[text]
        objects.transcript.max_bytes=64MiB
        objects.transcript.extensions=[txt]
        jobs.transcription.input.families=[audio,video]
        jobs.transcription.input.max_bytes=4GiB
        links.default_ttl=120s
        links.max_ttl=15m
        uploads.expires=24h
        uploads.max_open_per_user=100
        uploads.max_bytes_per_user_per_day=1TiB
        rates.service_key.requests_per_second=5
        rates.user_token.burst=500
        rates.user.links_per_minute=30
        collection.grace=48h
        collection.trash_ttl=14d
        collection.legacy_references=[^s3:,x]
        collection.brakes.percent=2
        collection.brakes.bytes=1TiB
        CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY=1s
        """

    private static func read(_ text: String) -> (file: [String: PolicyValue], environment: [String: String]) {
        var file: [String: PolicyValue] = [:]
        var environment: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            let (key, value) = (String(line[..<equals]), line[line.index(after: equals)...])
            if key.hasPrefix("CUSTODE_") {
                environment[key] = String(value)
            } else if value.hasPrefix("["), value.hasSuffix("]") {
                file[key] = .list(value.dropFirst().dropLast().split(separator: ",").map(String.init))
            } else {
                file[key] = .scalar(String(value))
            }
        }
        return (file, environment)
    }

    static let file = read(lines).file

    @Test("a policy is refused with reasons, or holds nothing that cannot be computed with")
    func policies() async throws {
        let user = try #require(UserID("7"))
        var fuzzer = Fuzzer(
            "policies",
            texts: [Self.lines, Self.lines + "\nCUSTODE_POLICY_LINKS_MAX_TTL=900s\nCUSTODE_POLICY_RATES_USER_BURST=1"],
            tokens: [
                "=", "\n", ".", "[", "]", ",", "GiB", "TiB", "ms", "d", "-", "objects.", "jobs.", ".families=",
                "\nCUSTODE_POLICY_",
                "links.max_ttl=", "(", "*", "\\", "(?<a>", "{9,}", "nan", "inf", "0x1p9",
            ])
        fuzzer.longest = 3_000
        try await fuzzer.run { trial in
            let (file, environment) = Self.read(trial.text)
            do throws(Policy.Faults) {
                try await Self.use(Policy(file: file, environment: environment), user)
            } catch {
                try hold(!error.list.isEmpty && error.list.allSatisfy { !$0.isEmpty }, "a refusal says why")
            }
        }
    }

    /// Does with a policy what the service does.
    private static func use(_ policy: Policy, _ user: UserID) async {
        do {
            let collection = policy.collection
            let now = Timestamp(seconds: 1_795_000_000)
            for time in [
                policy.links.defaultTTL, policy.links.maximumTTL, policy.uploads.expires, collection.outboxDelay,
                collection.workerPoll, collection.grace, collection.runsApart, collection.trashTTL,
                collection.intentLease,
                collection.leaderLease,
            ] {
                try hold(time >= .zero && now + time >= now && now + (.zero - time) <= now, "\(time) is a time")
                try hold(ContinuousClock.now.advanced(by: time) >= .now - .seconds(1), "\(time) can be waited for")
            }
            try hold(policy.links.defaultTTL <= policy.links.maximumTTL, "links live no longer than they may")
            try hold(policy.links.defaultTTL >= .seconds(1), "links live")
            for rule in policy.objects.values {
                try hold(rule.maximumBytes >= 0 && !rule.families.isEmpty, "objects may be something")
                try hold(!rule.extensions.isEmpty && !rule.extensions.contains { $0.contains("/") }, "keys have an end")
            }
            for type in policy.inputs.keys {
                let limits = policy.limits(for: .input, of: type)
                try hold(limits.map { $0.maximumBytes >= 0 } == true, "a job's input has limits")
            }
            for percent in [collection.brakes.percent, collection.brakes.livePercent] {
                try hold((0...100).contains(percent), "\(percent) is a share")
            }
            for key in ["key", nil] {
                let limits = CallerLimits(policy.rates)
                for count in [1, 1_000] {
                    let principal = Principal(user: user, grants: [.delegate], serviceKey: key)
                    _ = Result { () throws(Refusal) in try limits.countRequest(of: principal) }
                    _ = Result { () throws(Refusal) in try limits.countLinks(count, of: principal) }
                }
            }
        } catch {
            Issue.record("\(error): \(policy)")
        }
    }

    @Test("times and sizes are what their digits say, or refused")
    func quantities() async throws {
        let units: [(String, Double)] = [
            ("ms", 1), ("s", 1e3), ("m", 6e4), ("h", 3.6e6), ("d", 8.64e7), ("KiB", 1_024), ("MiB", 1_048_576),
            ("GiB", 1_073_741_824),
            ("TiB", 1_099_511_627_776), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1), ("", 1),
        ]
        let fuzzer = Fuzzer(
            "quantities",
            texts: [
                "250ms", "90s", "15m", "48h", "14d", "1000", "500KB", "2GiB", "9223372036854775807", "1TiB",
                "106751991167d",
            ],
            tokens: units.map(\.0) + ["0", "-", "+", ".", " ", "１"])
        try await fuzzer.run { trial in
            let digits = trial.text.prefix { $0.isASCII && $0.isNumber }
            let factor = units.first { same($0.0, trial.text.dropFirst(digits.count)) }?.1
            let value = digits.isEmpty ? nil : factor.map { $0 * (Double(digits) ?? 0) }
            if let bytes = Quantity.bytes(trial.text) {
                try hold(bytes >= 0 && value.map { abs($0 - Double(bytes)) <= $0 / 1e12 } == true, "\(bytes) bytes")
            }
            if let time = Quantity.duration(trial.text) {
                let milliseconds = time / .milliseconds(1)
                try hold(value.map { abs($0 - milliseconds) <= $0 / 1e12 } == true, "\(milliseconds) ms")
            }
            var random = trial.random
            let number = Int64.random(in: 0...1_000_000, using: &random)
            try hold(Quantity.duration("\(number)s") == .seconds(number), "\(number)s is read")
            try hold(Quantity.bytes("\(number)KiB") == number << 10, "\(number)KiB is read")
        }
    }

    @Test("custode check says what is wrong with a policy file, and never falls over it")
    func files() async throws {
        let text = try String(contentsOfFile: Checkout.policy, encoding: .utf8)
        let folder = try TestFolder()
        defer { folder.remove() }
        let path = folder.path + "/policy.yaml"
        var fuzzer = Fuzzer(
            "policy-files",
            texts: [
                text, "links: {max_ttl: 1d}\n", "a: &a {b: 1, c: 2}\nd: *a\n", "- a\n- b\n", "? [a]\n: b\n",
                "--- !!str a\n...\n---\nb",
                "objects:\n  input: !!binary AA==\n", "\u{FEFF}links:\n\tmax_ttl: 1d\n", "<<: {a: b}\n",
            ],
            tokens: [
                ":", ": ", "\n", "\n  ", "- ", "[", "]", "{", "}", "&a ", "*a", "!!", "|", ">", "#", "'", "\"", "? ",
                "---\n", "...\n", "%YAML 9.9\n",
                "\t", "<<: ", "1TiB", "\\x", "~",
            ])
        fuzzer.longest = 6_000
        let settings = [
            "CUSTODE_POLICY": path, "CUSTODE_STATE_DIR": folder.path, "CUSTODE_BUCKET": "file://" + folder.path,
            "CUSTODE_DATABASE_URL": "postgresql://custode@127.0.0.1:1/none", "SWIFT_BACKTRACE": "enable=no",
        ]
        let environment = Command.environment.merging(settings) { $1 }
        try await fuzzer.run { trial in
            try Data(trial.bytes).write(to: URL(filePath: path))
            // What grows without end dies of it here, and not the machine.
            let outcome = try await Command.run(
                "/bin/sh", ["-c", "ulimit -v 8000000; exec \"$0\" check", Checkout.binary], environment: environment,
                within: .seconds(20))
            try hold((1..<128).contains(outcome.status), "status \(outcome.status): \(outcome.errors.suffix(2_000))")
            try hold(!(outcome.errors + outcome.output).isEmpty, "it says what is wrong")
        }
    }
}
