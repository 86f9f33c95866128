internal import NIOCore

/// What one request does to an upload it holds: judges, stores, and keeps count.
struct AppendSession {
    private(set) var upload: ResumableUpload
    /// The upload as the catalog knows it.
    private var recorded: ResumableUpload
    private let parts: ResumableUploads
    private var judgement: TypeJudgement?
    private var mayStore = false
    private var held: [ByteBuffer] = []
    private var append: (any BlobAppend)?

    /// - Throws: ``Refusal/unsupportedType(_:)`` if the policy knows the object no longer.
    init(_ upload: ResumableUpload, _ parts: ResumableUploads) throws {
        self.upload = upload
        recorded = upload
        self.parts = parts
        guard let target = upload.target else {
            mayStore = true
            return
        }
        guard let rule = parts.policy.limits(for: target.object, of: target.type) else {
            throw Refusal.unsupportedType("The policy says nothing of this object any more.")
        }
        var judgement = TypeJudgement(target.object, rule, claim: target.claim, sniffer: parts.sniffer)
        if let state = upload.progress.judgement, !judgement.resume(state) {
            throw CatalogError.failed("an upload's judgement cannot be read")
        }
        self.judgement = judgement
        mayStore = upload.progress.contentType != nil
        if !upload.progress.held.isEmpty { held = [ByteBuffer(bytes: upload.progress.held)] }
    }

    /// Takes the next bytes.
    mutating func take(_ bytes: ByteBuffer) async throws {
        upload.offset += Int64(bytes.readableBytes)
        guard judgement != nil else { return try await store(bytes) }
        let mayPass = try await judgement?.take(bytes) ?? true
        if mayStore { return try await store(bytes) }
        held.append(bytes)
        if mayPass { try await storeHeld() }
    }

    /// Takes the end of the whole, which makes what came final.
    mutating func finish() async throws {
        try await judgement?.finish()
        try await storeHeld()
        let store = try await opened()
        upload.staged = try await store.seal(isWhole: true)
        upload.progress.held = []
        upload.progress.judgement = nil
        upload.progress.sha256 = try store.digest()
    }

    /// Makes all that came durable, for ``upload`` to be recorded as it is then.
    ///
    /// No bytes may follow.
    mutating func seal() async throws {
        if let append { upload.staged = try await append.seal(isWhole: false) }
        noteJudgement()
    }

    /// The upload as far as it is durable anyway; `nil` if that is nothing new.
    mutating func passingCheckpoint() async throws -> ResumableUpload? {
        guard mayStore, let staged = try await append?.passingCheckpoint() else { return nil }
        upload.staged = staged
        // The judgement knows of later bytes; where it still looks at them, that is too far ahead to be recorded.
        guard judgement?.judge.isSettled ?? true || staged.size == upload.offset else { return nil }
        noteJudgement()
        var durable = upload
        durable.offset = staged.size
        return durable
    }

    /// How much the catalog knows of.
    var recordedOffset: Int64 { recorded.offset }

    /// Records the upload like this, and tells the store.
    ///
    /// - Throws: ``Refusal/uploadTaken``.
    mutating func record(_ upload: ResumableUpload, release: Bool = false) async throws {
        try await parts.note(upload, upload.staged.change(since: recorded.staged), release: release)
        recorded = upload
        await append?.settle(upload.staged)
    }

    /// The number that the next part would take.
    var nextNumber: Int { append?.nextNumber ?? upload.staged.nextNumber }

    func close() async { await append?.close() }

    private mutating func noteJudgement() {
        upload.progress.judgement = judgement?.judge.state
        upload.progress.held = held.flatMap { Array($0.readableBytesView) }
    }

    private mutating func storeHeld() async throws {
        let bytes = held
        held = []
        for buffer in bytes { try await store(buffer) }
    }

    private mutating func store(_ bytes: ByteBuffer) async throws {
        try await opened().write(bytes)
    }

    private mutating func opened() async throws -> any BlobAppend {
        if let append { return append }
        if upload.target != nil { try await nameKey() }
        for _ in 0..<PutObject.keyAttempts {
            do {
                let append = try await parts.store.resume(
                    upload.staged, as: upload.intent?.key, expectedSize: upload.length)
                self.append = append
                try await confirm()
                return append
            } catch BlobStoreError.keyTaken {
                guard let intent = upload.intent else { throw BlobStoreError.keyTaken }
                upload.intent = try await parts.catalog.move(intent, to: parts.keys(of: upload).suffixed)
            }
        }
        throw BlobStoreError.unavailable("three random keys in a row were taken")
    }

    /// Makes sure, now that nobody else can go on with what is stored, that nobody did since this request was let in.
    private func confirm() async throws {
        guard upload.staged.size > 0 else { return }
        let lost = try await parts.uploads.attend([(upload.id, upload.epoch)], lease: AppendWatch.lease)
        guard lost.isEmpty else { throw Refusal.uploadTaken }
    }

    /// Promises, before the first byte is stored, that bytes may appear under a key, for as long as the upload may rest.
    private mutating func nameKey() async throws {
        mayStore = true
        upload.progress.contentType = judgement?.contentType
        guard upload.intent == nil, let target = upload.target else { return }
        let keys = try parts.keys(of: upload)
        upload.intent = try await parts.catalog.beginUpload(
            job: target.job, object: target.object, plain: keys.plain, suffixed: keys.suffixed,
            lease: parts.intentLease)
        // At once, lest a crash leave the name to nobody for a day. What was judged since is not durable yet.
        recorded.intent = upload.intent
        try await parts.note(recorded)
    }
}

extension ResumableUploads {
    /// How long an intent lasts: no upload is believed dead before it may be given up.
    var intentLease: Duration { policy.uploads.expires + policy.collection.intentLease }

    /// The names that the object of an upload may have.
    func keys(of upload: ResumableUpload) throws -> (plain: ObjectKey, suffixed: ObjectKey) {
        guard let target = upload.target, let rule = policy.limits(for: target.object, of: target.type) else {
            throw Refusal.notFound
        }
        return try putObject.keys(
            target.job, of: upload.creator.user, target.object, rule, contentType: upload.progress.contentType ?? "")
    }
}

extension BodyJudge {
    /// Whether no later byte can change its mind.
    var isSettled: Bool { phase == .media }
}
