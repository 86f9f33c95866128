extension Policy {
    /// Why a policy cannot be used: everything that is wrong with it, at once.
    public struct Faults: Error, Equatable, CustomStringConvertible {
        /// One sentence each.
        public let list: [String]

        /// What it is, for logs and people.
        public var description: String { list.joined(separator: "\n") }
    }

    /// Reads a policy file whose nested keys were joined with dots, under the environment's overrides.
    ///
    /// - Throws: ``Faults``, with every unknown, missing and malformed key.
    public init(file: [String: PolicyValue], environment: [String: String]) throws(Faults) {
        var reader = PolicyReader(file: file, environment: environment)
        objects = Self.readObjects(&reader)
        inputs = Self.readInputs(&reader)
        links = Links(
            defaultTTL: reader.duration("links.default_ttl", default: .seconds(120)),
            maximumTTL: reader.duration("links.max_ttl", default: .seconds(900)))
        uploads = Uploads(
            expires: reader.duration("uploads.expires", default: .seconds(86_400)),
            maximumOpenPerUser: reader.count("uploads.max_open_per_user", default: 100),
            maximumBytesPerUserPerDay: reader.bytes("uploads.max_bytes_per_user_per_day", default: 1 << 40))
        rates = Rates(
            serviceKey: Self.readRate("service_key", &reader), user: Self.readRate("user", &reader),
            userToken: Self.readRate(
                "user_token", &reader, CallerRate(requestsPerSecond: 50, burst: 500, linksPerMinute: 3_000)))
        collection = Self.readCollection(&reader)
        // What could not be read is no ground to blame something else.
        if reader.faults.isEmpty {
            if links.defaultTTL > links.maximumTTL { reader.fault("links.default_ttl: longer than links.max_ttl") }
            for pattern in collection.legacyReferences where (try? Regex(pattern)) == nil {
                reader.fault("collection.legacy_references: \(pattern) is not a regular expression")
            }
            if links.maximumTTL < .seconds(1) { reader.fault("links.max_ttl: shorter than a second") }
            if links.defaultTTL < .seconds(1) { reader.fault("links.default_ttl: shorter than a second") }
        }
        let faults = reader.faults + reader.unread()
        guard faults.isEmpty else { throw Faults(list: faults) }
    }

    // Path segments of the API that no object may be called by.
    private static let reservedNames: Set<String> = ["objects", "links"]

    private static func readObjects(_ reader: inout PolicyReader) -> [ObjectName: ObjectRule] {
        var rules: [ObjectName: ObjectRule] = [:]
        for name in reader.names(below: "objects") {
            guard let object = ObjectName(name), !reservedNames.contains(name) else {
                reader.fault("objects.\(name): an object is called by a-z, 0-9 and _, and not objects or links")
                continue
            }
            rules[object] = ObjectRule(
                families: reader.families("objects.\(name).families"),
                maximumBytes: reader.bytes("objects.\(name).max_bytes"),
                extensions: reader.list("objects.\(name).extensions"))
            let sound = rules[object]?.extensions.allSatisfy {
                (1...8).contains($0.utf8.count)
                    && $0.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
            }
            if sound != true || rules[object]?.extensions.isEmpty != false {
                reader.fault("objects.\(name).extensions: wants at least one, of 1 to 8 of a-z and 0-9")
            }
        }
        if rules[.input] == nil { reader.fault("objects.input: missing") }
        return rules
    }

    private static func readInputs(_ reader: inout PolicyReader) -> [JobType: InputRule] {
        var rules: [JobType: InputRule] = [:]
        for type in reader.names(below: "jobs") {
            rules[JobType(type)] = InputRule(
                families: reader.families("jobs.\(type).input.families"),
                maximumBytes: reader.bytes("jobs.\(type).input.max_bytes"))
        }
        if rules.isEmpty { reader.fault("jobs: missing; say for each job type what its input may be") }
        return rules
    }

    private static func readRate(
        _ name: String, _ reader: inout PolicyReader,
        _ usual: CallerRate = CallerRate(requestsPerSecond: 0, burst: 0, linksPerMinute: 0)
    ) -> CallerRate {
        let rate = CallerRate(
            requestsPerSecond: reader.count("rates.\(name).requests_per_second", default: usual.requestsPerSecond),
            burst: reader.count("rates.\(name).burst", default: usual.burst),
            linksPerMinute: reader.count("rates.\(name).links_per_minute", default: usual.linksPerMinute))
        if rate.requestsPerSecond == 0, rate.burst != 0, rate.burst != usual.burst {
            reader.fault("rates.\(name).burst: bounds nothing without rates.\(name).requests_per_second")
        }
        return rate
    }

    private static func readCollection(_ reader: inout PolicyReader) -> Collection {
        Collection(
            outboxDelay: reader.duration("collection.outbox_delay", default: .seconds(15 * 60)),
            workerPoll: reader.duration("collection.worker_poll", default: .seconds(5)),
            grace: reader.duration("collection.grace", default: .seconds(48 * 3_600)),
            runsApart: reader.duration("collection.runs_apart", default: .seconds(20 * 3_600)),
            trashTTL: reader.duration("collection.trash_ttl", default: .seconds(14 * 86_400)),
            intentLease: reader.duration("collection.intent_lease", default: .seconds(3_600)),
            leaderLease: reader.duration("collection.leader_lease", default: .seconds(60)),
            legacyReferences: reader.list("collection.legacy_references", default: []),
            brakes: Brakes(
                percent: reader.percent("collection.brakes.percent", default: 2),
                minimumObjects: reader.count("collection.brakes.min_objects", default: 100),
                objects: reader.count("collection.brakes.objects", default: 10_000),
                bytes: reader.bytes("collection.brakes.bytes", default: 1 << 40),
                users: reader.count("collection.brakes.users", default: 50),
                livePercent: reader.percent("collection.brakes.live_percent", default: 90)))
    }
}
