/// Finds out of every file of a source what it is to become.
///
/// It goes through the source once, a page at a time; where two files may be for one object it keeps some bytes of each that
/// it has seen.
struct SurveySource {
    let parts: MigrationParts
    let source: any LegacySource
    /// Objects for which there are two files, as an earlier survey found them.
    var contested: Set<Slot> = []

    /// An object of a job, told from every other by 128 bits.
    struct Slot: Hashable {
        private let first: Int
        private let second: Int

        init(_ match: LegacyMatch) {
            (first, second) = (Self.number(match, 1), Self.number(match, 2))
        }

        private static func number(_ match: LegacyMatch, _ salt: Int) -> Int {
            var hasher = Hasher()
            hasher.combine(salt)
            for byte in match.found.job.text.utf8 { hasher.combine(byte) }
            hasher.combine(UInt8(0))
            for byte in match.object.text.utf8 { hasher.combine(byte) }
            return hasher.finalize()
        }
    }

    /// A file, as one object of one job.
    enum Finding {
        /// Nothing is to be done with it.
        case settled(MigrationRecord)
        /// It is to be copied.
        case toCopy(LegacyFile, LegacyMatch, at: LegacyPlace)
    }

    /// Goes through all of it.
    ///
    /// - Parameter each: Told of each file as each object that it is to become, and whether it is told of for the first time.
    /// - Returns: The objects for which there are two files; their findings in this pass are not to be acted on.
    func callAsFunction(_ each: (Finding, _ isNew: Bool) async throws -> Void) async throws -> Set<Slot> {
        var seen: [Slot: Int] = [:]
        var contested = contested
        let listing = try await source.files()
        while let files = try await listing.next() {
            try Task.checkCancellation()
            let matches = try await parts.catalog.matches(files)
            for (file, matches) in zip(files, matches) {
                guard !matches.isEmpty, let place = file.place else {
                    try await each(.settled(Self.unknown(file)), true)
                    continue
                }
                for (number, match) in matches.enumerated() {
                    var isRepeated = false
                    if source.mayContend, match.standing != .superseded, match.standing != .home {
                        let slot = Slot(match)
                        if let first = seen[slot] {
                            isRepeated = first == place.hashValue
                            if !isRepeated { contested.insert(slot) }
                        } else {
                            seen[slot] = place.hashValue
                        }
                    }
                    try await each(finding(file, match, place, isRepeated, contested), number == 0)
                }
            }
        }
        return contested
    }

    private static func unknown(_ file: LegacyFile) -> MigrationRecord {
        // What cannot be reached by a name at all is worth more than the word that nothing refers to it.
        let isBroken = file.place == nil && file.fault == .unreadable
        return MigrationRecord(
            source: file.name, decision: isBroken ? .unreadable : .unknownJob, job: file.claim?.job,
            object: file.claim?.object, size: file.size,
            detail: file.claim == nil ? nil : "the manifest names a job that is not there")
    }

    private func finding(
        _ file: LegacyFile, _ match: LegacyMatch, _ place: LegacyPlace, _ isRepeated: Bool, _ contested: Set<Slot>
    ) -> Finding {
        func settled(_ decision: MigrationDecision, _ detail: String? = nil) -> Finding {
            .settled(
                MigrationRecord(
                    source: file.name, decision: decision, job: match.found.job, object: match.object,
                    size: file.size, detail: detail))
        }
        switch match.standing {
        case .home: return settled(.alreadyThere)
        case .superseded: return settled(.superseded, "a newer artifact of this kind counts")
        case .current, .vacant, .taken: break
        }
        if isRepeated { return settled(.alreadyThere, "it is listed twice") }
        if contested.contains(Slot(match)) { return settled(.twoFiles, "two files are to become this object") }
        if case .object(let key) = place, LegacyKey(key, of: match.found.job, owner: match.found.owner) == nil {
            return settled(.failed, "the key is of another job, or the bucket's own")
        }
        if let fault = file.fault { return settled(fault) }
        do throws(Refusal) {
            var request = PutObject.Request()
            request.length = file.size
            _ = try parts.put.admit(match, request)
        } catch {
            let (decision, detail) = MigrationRecord.meaning(of: error)
            return settled(decision, detail)
        }
        return .toCopy(file, match, at: place)
    }
}

extension MigrationRecord {
    /// What a refused upload means for the file it was made of.
    static func meaning(of refusal: Refusal) -> (MigrationDecision, String?) {
        switch refusal {
        case .unsupportedType(let text): (.refusedType, text)
        case .tooLarge(let limit): (.tooLarge, "the policy allows \(limit) bytes")
        case .notFound: (.unknownJob, "the job is gone")
        case .preconditionFailed, .exists: (.occupied, "the job refers to something else by now")
        case .badRequest(let text): (.failed, text)
        default: (.failed, "\(refusal)")
        }
    }
}
