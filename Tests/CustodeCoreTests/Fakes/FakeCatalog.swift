import CustodeCore
import Synchronization

/// A catalog of one job whose calls can be made to fail.
final class FakeCatalog: Catalog {
    enum Call: Hashable { case find, beginUpload, move, renew, cancel, abandon, publish, forget, burn, isBurnt }

    struct State {
        var job: JobObject?
        var open: [Int64: ObjectKey] = [:]
        var abandoned: [Int64: ObjectKey] = [:]
        var written: Set<String> = []
        var burned: Set<[UInt8]> = []
        var faults: [Call: CatalogError] = [:]
        var outcome: PublishOutcome?
        var lastIntent: Int64 = 0
        var leases: [Duration] = []
        /// What happens to the job between the bytes and the row.
        var beforePublishing: (@Sendable (inout State) -> Void)?

        mutating func refer(to reference: JobObject.Reference?) {
            guard let job else { return }
            self.job = JobObject(
                job: job.job, owner: job.owner, type: job.type, linkEpoch: job.linkEpoch, reference: reference)
        }
    }

    let journal: Journal
    let state: Mutex<State>

    init(_ journal: Journal, _ job: JobObject?) {
        self.journal = journal
        state = Mutex(State(job: job))
    }

    func fail(_ call: Call, _ error: CatalogError) { state.withLock { $0.faults[call] = error } }

    var reference: JobObject.Reference? { state.withLock { $0.job?.reference } }
    var openIntents: Int { state.withLock { $0.open.count } }
    var abandonedKeys: [String] { state.withLock { $0.abandoned.values.map(\.text).sorted() } }

    private func check(_ call: Call) throws(CatalogError) {
        // As the real one does for a caller that gave up.
        if Task.isCancelled { throw .cancelled }
        if let fault = state.withLock({ $0.faults[call] }) { throw fault }
    }

    func find(_ job: JobID, _ object: ObjectName) async throws(CatalogError) -> JobObject? {
        journal.note(.find)
        try check(.find)
        return state.withLock { $0.job?.job == job ? $0.job : nil }
    }

    func find(_ wanted: [(job: JobID, object: ObjectName)]) async throws(CatalogError) -> [JobObject?] {
        var answers: [JobObject?] = []
        for (job, object) in wanted { answers.append(try await find(job, object)) }
        return answers
    }

    func objects(of job: JobID) async throws(CatalogError) -> (owner: UserID, objects: [ObjectRecord])? { nil }

    func beginUpload(
        job: JobID, object: ObjectName, plain: ObjectKey, suffixed: ObjectKey, lease: Duration
    ) async throws(CatalogError) -> UploadIntent {
        try check(.beginUpload)
        let intent = state.withLock { state in
            let key = state.written.contains(plain.text) ? suffixed : plain
            state.lastIntent += 1
            state.open[state.lastIntent] = key
            state.leases.append(lease)
            return UploadIntent(id: state.lastIntent, key: key)
        }
        journal.note(.beginIntent(intent.key.text))
        return intent
    }

    func move(_ intent: UploadIntent, to key: ObjectKey) async throws(CatalogError) -> UploadIntent {
        journal.note(.move(key.text))
        try check(.move)
        state.withLock { $0.open[intent.id] = key }
        return UploadIntent(id: intent.id, key: key)
    }

    func renew(_ intent: UploadIntent, lease: Duration) async throws(CatalogError) {
        journal.note(.renew)
        try check(.renew)
        state.withLock { $0.leases.append(lease) }
    }

    func cancel(_ intent: UploadIntent) async throws(CatalogError) {
        journal.note(.cancel)
        try check(.cancel)
        state.withLock { $0.open[intent.id] = nil }
    }

    func abandon(_ intent: UploadIntent) async throws(CatalogError) {
        journal.note(.abandon)
        try check(.abandon)
        state.withLock { state in
            if let key = state.open.removeValue(forKey: intent.id) { state.abandoned[intent.id] = key }
        }
    }

    func publish(_ publication: Publication) async throws(CatalogError) -> PublishOutcome {
        journal.note(.publishRow(publication.record.key))
        try check(.publish)
        return state.withLock { state in
            state.beforePublishing?(&state)
            if let outcome = state.outcome { return outcome }
            guard let job = state.job, job.owner == publication.owner else { return .jobGone }
            guard state.open.removeValue(forKey: publication.intent.id) != nil else { return .intentLost }
            switch (publication.expectation, job.reference) {
            case (.absent, nil): break
            case (.absent, _?): return .exists
            case (.matches(let tag), .published(let record)?) where record.etag == tag: break
            case (.present, _?): break
            default: return .changed
            }
            if let link = publication.link, !state.burned.insert(link.nonce).inserted { return .linkUsed }
            state.refer(to: .published(publication.record))
            state.written.insert(publication.record.key)
            return .published(publication.record.createdAt)
        }
    }

    func forget(
        _ job: JobID, of owner: UserID, _ object: ObjectName, _ expectation: Publication.Expectation
    ) async throws(CatalogError) -> ForgetOutcome {
        journal.note(.forget(expectation))
        try check(.forget)
        return state.withLock { state in
            state.beforePublishing?(&state)
            guard let found = state.job, found.owner == owner, let reference = found.reference else { return .gone }
            if case .matches(let tag) = expectation {
                guard case .published(let record) = reference, record.etag == tag else { return .changed }
            }
            state.refer(to: nil)
            return .forgotten
        }
    }

    func revokeLinks(of job: JobID) async throws(CatalogError) {}

    func burn(_ nonce: [UInt8], expires: Timestamp) async throws(CatalogError) -> Bool {
        journal.note(.burn)
        try check(.burn)
        return state.withLock { $0.burned.insert(nonce).inserted }
    }

    func isBurnt(_ nonce: [UInt8]) async throws(CatalogError) -> Bool {
        journal.note(.isBurnt)
        try check(.isBurnt)
        return state.withLock { $0.burned.contains(nonce) }
    }

    func probe() async throws(CatalogError) {}
}
