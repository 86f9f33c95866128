import Testing

@testable import CustodeCore

@Suite("reading the policy")
struct PolicyTests {
    private func faults(
        _ environment: [String: String] = [:], _ change: (inout [String: PolicyValue]) -> Void = { _ in }
    ) -> [String] {
        var file = Sample.policyFile
        change(&file)
        do throws(Policy.Faults) {
            _ = try Policy(file: file, environment: environment)
            return []
        } catch {
            return error.list
        }
    }

    @Test("every key of the file has its effect")
    func whole() throws {
        let policy = try Sample.policy()
        #expect(policy.objects.keys.map(\.text).sorted() == ["input", "json", "transcript"])
        #expect(policy.rule(for: Sample.transcript)?.maximumBytes == 64 << 20)
        #expect(policy.rule(for: Sample.transcript)?.families == [.text])
        #expect(policy.rule(for: .input)?.extensions.first == "bin")
        #expect(policy.inputs[JobType("translation")]?.families == [.text, .subtitles, .json, .audio, .video])
        #expect(policy.links == Policy.Links(defaultTTL: .seconds(120), maximumTTL: .seconds(900)))
        #expect(policy.uploads.expires == .seconds(86_400))
        #expect(policy.uploads.maximumOpenPerUser == 100)
        #expect(policy.uploads.maximumBytesPerUserPerDay == 1 << 40)
        #expect(
            policy.rates.userToken == Policy.CallerRate(requestsPerSecond: 50, burst: 500, linksPerMinute: 3_000))
        let unlimited = Policy.CallerRate(requestsPerSecond: 0, burst: 0, linksPerMinute: 0)
        #expect(policy.rates.serviceKey == unlimited && policy.rates.user == unlimited)
        #expect(policy.collection.outboxDelay == .seconds(900))
        #expect(policy.collection.workerPoll == .seconds(5))
        #expect(policy.collection.grace == .seconds(172_800))
        #expect(policy.collection.runsApart == .seconds(72_000))
        #expect(policy.collection.trashTTL == .seconds(1_209_600))
        #expect(policy.collection.intentLease == .seconds(3_600))
        #expect(policy.collection.legacyReferences == [])
        #expect(
            policy.collection.brakes
                == Policy.Brakes(
                    percent: 2, minimumObjects: 100, objects: 10_000, bytes: 1 << 40, users: 50, livePercent: 90))
    }

    @Test("what is left out of links, uploads and collection has the documented default")
    func defaults() throws {
        let file = Sample.policyFile.filter { $0.key.hasPrefix("objects.") || $0.key.hasPrefix("jobs.") }
        let policy = try Policy(file: file, environment: [:])
        let whole = try Sample.policy()
        #expect(policy.links == whole.links)
        #expect(policy.uploads.expires == whole.uploads.expires)
        #expect(policy.collection == whole.collection)
        #expect(policy.rates == whole.rates)
    }

    @Test("an input may hold what its job's type and the object both allow, and no more bytes than either")
    func limits() throws {
        let policy = try Sample.policy()
        let transcription = try #require(policy.limits(for: .input, of: JobType("transcription")))
        #expect(transcription.families == [.audio, .video])
        #expect(transcription.maximumBytes == 4 << 30)
        let translation = try #require(policy.limits(for: .input, of: JobType("translation")))
        #expect(translation.families == [.text, .subtitles, .json, .audio, .video])
        #expect(translation.maximumBytes == 5 << 30)
        #expect(policy.limits(for: .input, of: JobType("karaoke")) == nil)
        #expect(policy.limits(for: try #require(ObjectName("poem")), of: JobType("transcription")) == nil)
    }

    @Test("artifact kinds are allowed on every job type")
    func artifacts() throws {
        let policy = try Sample.policy()
        for type in ["transcription", "translation", "karaoke"] {
            #expect(policy.limits(for: Sample.transcript, of: JobType(type)) == policy.rule(for: Sample.transcript))
        }
    }

    @Test("an unknown key is a fault, wherever it stands")
    func unknownKeys() {
        for key in [
            "link.max_ttl", "links.maxttl", "links", "objects.input.max_byte", "jobs.stream.max_bytes",
            "collection.brakes.percentage", "collection.outbox_delay.x", "nonsense",
        ] {
            let faults = faults { $0[key] = .scalar("1s") }
            #expect(faults.contains { $0.hasPrefix(key + ":") }, "\(key): \(faults)")
        }
    }

    @Test("a missing key is a fault that says what it wants")
    func missingKeys() {
        for key in [
            "objects.input.families", "objects.input.max_bytes", "objects.transcript.extensions",
            "jobs.transcription.input.families", "jobs.transcription.input.max_bytes",
        ] {
            let faults = faults { $0[key] = nil }
            #expect(faults.contains { $0.hasPrefix("\(key): missing") }, "\(key): \(faults)")
        }
    }

    @Test("an input and at least one job type are needed")
    func essentials() {
        let withoutInput = faults { file in
            file = file.filter { !$0.key.hasPrefix("objects.input") }
        }
        #expect(withoutInput == ["objects.input: missing"])
        let withoutJobs = faults { file in
            file = file.filter { !$0.key.hasPrefix("jobs.") }
        }
        #expect(withoutJobs.count == 1 && withoutJobs[0].hasPrefix("jobs: missing"))
        #expect(throws: Policy.Faults.self) { try Policy(file: [:], environment: [:]) }
    }

    @Test(
        "a malformed value is a fault that names the key and the value",
        arguments: [
            ("links.max_ttl", "15"), ("links.max_ttl", "fifteen"), ("links.max_ttl", ""), ("links.max_ttl", "-1s"),
            ("collection.grace", "2 d"), ("collection.grace", "1.5h"), ("objects.input.max_bytes", "5 GiB"),
            ("objects.input.max_bytes", "5gib"), ("objects.input.max_bytes", "-1"),
            ("objects.input.max_bytes", "99999999999TiB"), ("uploads.max_open_per_user", "-1"),
            ("uploads.max_open_per_user", "many"), ("uploads.max_open_per_user", "1.5"),
            ("collection.brakes.percent", "101"),
            ("collection.brakes.percent", "-1"), ("collection.brakes.percent", "nan"),
            ("collection.brakes.percent", "2%"),
        ])
    func malformed(key: String, value: String) {
        let faults = faults { $0[key] = .scalar(value) }
        #expect(faults.contains { $0.hasPrefix("\(key): \(value) is not") }, "\(faults)")
    }

    @Test("a fault is told once: no other value is blamed for what could not be read", arguments: ["15", "soon", ""])
    func consequentialFaults(value: String) {
        let faults = faults { $0["links.max_ttl"] = .scalar(value) }
        #expect(faults.count == 1, "\(faults)")
    }

    @Test("a list where one value belongs is a fault, and a family that is none")
    func wrongShapes() {
        #expect(faults { $0["links.max_ttl"] = .list(["15m"]) }.first?.hasPrefix("links.max_ttl: wants") == true)
        let families = faults { $0["objects.transcript.families"] = .list(["text", "pictures"]) }
        #expect(families.count == 1 && families[0].contains("pictures is not a family"))
    }

    @Test("an object that takes no family of types is a fault, not one that takes any text")
    func noFamilies() {
        #expect(!faults { $0["objects.transcript.families"] = .list([]) }.isEmpty)
    }

    @Test(
        "an object is called by a-z, 0-9 and _, and not by a path segment of the API",
        arguments: ["objects", "links", "Transcript", "a-b", "1st", "é"])
    func objectNames(name: String) {
        let faults = faults { file in
            for (key, value) in [
                ("families", PolicyValue.list(["text"])), ("max_bytes", .scalar("1")), ("extensions", .list(["txt"])),
            ] {
                file["objects.\(name).\(key)"] = value
            }
        }
        #expect(faults.contains { $0.hasPrefix("objects.\(name):") }, "\(faults)")
    }

    @Test(
        "extensions are at least one, each of 1 to 8 of a-z and 0-9",
        arguments: [[], [""], ["WAV"], ["tar.gz"], ["../x"], ["txt", "waveaudio"], ["w\u{301}"]])
    func extensions(list: [String]) {
        let faults = faults { $0["objects.transcript.extensions"] = .list(list) }
        #expect(faults.count == 1 && faults[0].hasPrefix("objects.transcript.extensions:"), "\(faults)")
    }

    @Test("a default life of links beyond the maximum is a fault, and a maximum below a second")
    func lives() {
        #expect(faults { $0["links.default_ttl"] = .scalar("16m") } == ["links.default_ttl: longer than links.max_ttl"])
        #expect(faults { $0["links.max_ttl"] = .scalar("500ms") }.contains("links.max_ttl: shorter than a second"))
    }

    @Test("all faults are told at once")
    func allAtOnce() {
        let faults = faults(["CUSTODE_POLICY_LINKS_TTL": "1s", "CUSTODE_POLICY_COLLECTION_GRACE": "soon"]) { file in
            file["nonsense"] = .scalar("1")
            file["links.max_ttl"] = .scalar("long")
            file["objects.input.max_bytes"] = nil
            file["jobs.transcription.input.families"] = .list(["smell"])
        }
        for beginning in [
            "nonsense:", "links.max_ttl: long", "objects.input.max_bytes: missing",
            "jobs.transcription.input.families: smell",
            "CUSTODE_POLICY_LINKS_TTL:", "CUSTODE_POLICY_COLLECTION_GRACE: soon",
        ] {
            #expect(faults.contains { $0.hasPrefix(beginning) }, "\(beginning) in \(faults)")
        }
    }

    @Test("every key can be overridden in the environment: upper case, dots become underscores")
    func overrides() throws {
        let policy = try Policy(
            file: Sample.policyFile,
            environment: [
                "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "1s", "CUSTODE_POLICY_LINKS_MAX_TTL": "20m",
                "CUSTODE_POLICY_OBJECTS_TRANSCRIPT_MAX_BYTES": "7", "CUSTODE_POLICY_COLLECTION_BRAKES_MIN_OBJECTS": "3",
                "CUSTODE_POLICY_JOBS_TRANSLATION_INPUT_FAMILIES": "text, json",
                "CUSTODE_POLICY_COLLECTION_LEGACY_REFERENCES": "^old/,^flat$", "PATH": "/bin", "CUSTODE_LISTEN": "x",
            ])
        #expect(policy.collection.outboxDelay == .seconds(1))
        #expect(policy.links.maximumTTL == .seconds(1_200))
        #expect(policy.rule(for: Sample.transcript)?.maximumBytes == 7)
        #expect(policy.collection.brakes.minimumObjects == 3)
        #expect(policy.inputs[JobType("translation")]?.families == [.text, .json])
        #expect(policy.collection.legacyReferences == ["^old/", "^flat$"])
    }

    @Test("an override of a key that there is not is a fault, and so is a malformed one, by its own name")
    func wrongOverrides() {
        #expect(
            faults(["CUSTODE_POLICY_COLLECTION_OUTBOXDELAY": "1s"])
                == ["CUSTODE_POLICY_COLLECTION_OUTBOXDELAY: no such key in the policy"])
        #expect(
            faults(["CUSTODE_POLICY_OBJECTS_POEM_MAX_BYTES": "1"])
                == ["CUSTODE_POLICY_OBJECTS_POEM_MAX_BYTES: no such key in the policy"])
        let malformed = faults(["CUSTODE_POLICY_LINKS_MAX_TTL": "soon"])
        #expect(malformed.contains { $0.hasPrefix("CUSTODE_POLICY_LINKS_MAX_TTL: soon is not") })
    }

    @Test("an empty name in the file is a fault like any other, not the end of the process")
    func emptyNames() async {
        await #expect(processExitsWith: .success) {
            for key in ["objects.", "jobs.", "objects..max_bytes", ".", "objects"] {
                _ = try? Policy(file: [key: .scalar("1")], environment: [:])
            }
        }
    }
}
