internal import NIOCore

/// Makes one file from before the object that refers to it: received as an upload would be, and switched to in the
/// transaction that publishes it.
struct CopyFile: Sendable {
    /// How often what may pass is tried, each time after twice the pause before.
    private static let attempts = 6
    /// How often a file is, that alone may be what is wrong.
    private static let openings = 2
    private static let firstPause = Duration.seconds(1)

    let parts: MigrationParts
    let run: String
    let pace: SharedPace?

    /// - Throws: ``MigrationHalted`` if the database or the bucket stays away, or is full.
    func callAsFunction(_ file: LegacyFile, _ match: LegacyMatch, at place: LegacyPlace) async throws -> MigrationRecord
    {
        var record = MigrationRecord(
            source: file.name, decision: .copied, job: match.found.job, object: match.object, size: file.size)
        var pause = Self.firstPause
        for attempt in 1...Self.attempts {
            do {
                // The reply to the switch may have been lost on its way.
                if attempt > 1, let done = try await switched(file, match, record) { return done }
                return try await copy(file, match, place, record)
            } catch {
                if Task.isCancelled || error is CancellationError { throw CancellationError() }
                if case Fault.unopened(let text) = error, attempt >= Self.openings {
                    do {
                        try await parts.bucket.probe()
                    } catch {
                        throw MigrationHalted(
                            description: "the bucket: \(error); when it is back, run it again to go on")
                    }
                    (record.decision, record.detail) = (.unreadable, text)
                    return record
                }
                switch Self.meaning(of: error) {
                case .halt(let text): throw MigrationHalted(description: text)
                case .settled(let decision, let detail):
                    (record.decision, record.detail) = (decision, detail)
                    return record
                case .passing(let text):
                    guard attempt < Self.attempts else {
                        throw MigrationHalted(description: "\(text); when that is mended, run it again to go on")
                    }
                    try await parts.pause(pause)
                    pause = pause * 2
                }
            }
        }
        return record
    }

    private func copy(
        _ file: LegacyFile, _ match: LegacyMatch, _ place: LegacyPlace, _ planned: MigrationRecord
    ) async throws -> MigrationRecord {
        let (store, key) = parts.locate(place)
        let blob = try await Self.open(key, in: store, isOurs: place.isObject)
        guard let facts = blob.facts else { throw LegacyBody.Fault.unreadable("its size and date are not told") }
        let body = LegacyBody(blob: blob, pace: pace) {
            try await store.facts(of: [key]).first.flatMap { $0 } == facts
        }
        var record = planned
        record.size = blob.size
        if file.claim == nil, try await isOtherKey(match, place) {
            record.decision = .occupied
            record.detail =
                "what the row refers to is itself a key of the bucket; say by a manifest which of the two is meant"
            return record
        }
        if match.standing == .taken { return try await settle(record, match, body) }
        var request = PutObject.Request()
        request.length = blob.size
        request.filename = file.claim?.filename ?? LegacyKey.filename(of: place.path)
        request.rewrite = Rewrite(
            run: run, source: place, facts: facts, reference: match.found.reference?.foreignText,
            spellings: file.spellings)
        if place.isObject, blob.size > 0, let copier = store as? any CopyingStore {
            request.original = PutObject.Original(key: key, facts: facts, store: copier)
        }
        let outcome = try await parts.put(try parts.put.admit(match, request), body: body)
        record.key = outcome.record.key
        record.sha256 = outcome.record.sha256
        return record
    }

    /// Whether a row that means a file by one of its spellings means an object of the bucket by the very same words.
    private func isOtherKey(_ match: LegacyMatch, _ place: LegacyPlace) async throws -> Bool {
        guard let reference = match.found.reference?.foreignText,
            let key = LegacyKey(reference, of: match.found.job, owner: match.found.owner),
            !(place.isObject && place.path.utf8.elementsEqual(key.text.utf8))
        else { return false }
        return try await parts.bucket.facts(of: [key.text]).first.flatMap { $0 } != nil
    }

    /// What a try before came to, if it was done after all.
    private func switched(
        _ file: LegacyFile, _ match: LegacyMatch, _ planned: MigrationRecord
    ) async throws -> MigrationRecord? {
        let now = try await parts.catalog.matches([file]).first ?? []
        let done = now.first {
            $0.standing == .home && $0.found.job == match.found.job && $0.object == match.object
        }
        guard let done else { return nil }
        var record = planned
        record.key = done.found.reference?.foreignText
        return record
    }

    /// A job that has an object already: of the same bytes, the file is as good as there.
    private func settle(
        _ planned: MigrationRecord, _ match: LegacyMatch, _ body: LegacyBody
    ) async throws -> MigrationRecord {
        var record = planned
        guard case .published(let theirs) = try await parts.put.catalog.find(match.found.job, match.object)?.reference
        else { throw Refusal.preconditionFailed(current: nil) }
        record.decision = .occupied
        record.detail = "the job has another object there"
        guard theirs.size == body.blob.size else { return record }
        var hash = parts.hashing.begin()
        for try await piece in body { hash.update(piece) }
        let digest = hash.finish()
        record.sha256 = digest
        if digest == theirs.sha256 {
            record.decision = .alreadyThere
            record.key = theirs.key
            record.detail = nil
        }
        return record
    }

    private static func open(
        _ key: String, in store: any CollectableStore, isOurs: Bool
    ) async throws -> any OpenBlob {
        do {
            return try await store.open(key, reading: .whole)
        } catch BlobStoreError.unavailable(let text) {
            if isOurs { throw Fault.unopened(text) }
            throw LegacyBody.Fault.unreadable(text)
        }
    }

    /// Why a file was not read.
    private enum Fault: Error {
        /// The bucket did not open it, and perhaps would not open any.
        case unopened(String)
    }

    private enum Meaning {
        case settled(MigrationDecision, String?)
        case passing(String)
        case halt(String)
    }

    private static func settled(_ ending: (decision: MigrationDecision, detail: String?)) -> Meaning {
        .settled(ending.decision, ending.detail)
    }

    private static func meaning(of error: any Error) -> Meaning {
        switch error {
        case LegacyBody.Fault.unreadable(let text): .settled(.unreadable, text)
        case LegacyBody.Fault.changed: .settled(.changed, "it changed while it was read; run it again")
        case Fault.unopened(let text): .passing("the bucket: \(text)")
        case BlobStoreError.absent: .settled(.missing, "it is not there")
        case BlobStoreError.noRoom, Refusal.noRoom:
            .halt("the bucket is full, or over its quota; make room and run it again to go on")
        case let error as BlobStoreError: .passing("the bucket: \(error)")
        case CatalogError.failed(let text): .settled(.failed, text)
        case let error as CatalogError: .passing("\(error)")
        case Refusal.unavailable(let dependency): .passing("the \(dependency.rawValue) is away")
        case let refusal as Refusal: settled(MigrationRecord.meaning(of: refusal))
        default: .settled(.failed, "\(error)")
        }
    }
}

extension LegacyPlace {
    /// Whether it lies in the bucket.
    var isObject: Bool {
        if case .object = self { true } else { false }
    }
}

extension JobObject.Reference {
    /// What the row says, if no publication of ours recorded it.
    var foreignText: String? {
        if case .foreign(let text) = self { text } else { nil }
    }
}
