import CustodeCore
import Testing

/// Everything an upload needs, in memory.
struct UploadBench {
    static let wav: [[UInt8]] = [[UInt8](repeating: 1, count: 5_000), [2, 2], [3, 3, 3], [4]]
    static let wavBytes = Array(wav.joined())
    static let plainKey = "users/auth0=7calice/jobs/0198c0de-0000-7000-8000-00000000abcd/input/original.wav"

    let journal = Journal()
    let clock = ManualClock()
    let catalog: FakeCatalog
    let store: FakeStore
    let put: PutObject
    let read: ReadObject

    init(_ found: JobObject? = Sample.found(), finding: String? = "audio/x-wav") throws {
        catalog = FakeCatalog(journal, found)
        store = FakeStore(journal)
        put = PutObject(
            catalog: catalog, store: store, sniffer: FakeSniffer(journal: journal, finding: finding),
            policy: try Sample.policy(), clock: clock, random: CountingRandom())
        read = ReadObject(
            catalog: catalog, store: store, sniffer: FakeSniffer(journal: journal, finding: finding),
            policy: try Sample.policy())
    }

    static func principal(_ grants: Set<Grant> = [.delegate, .artifacts], user: UserID = Sample.user) -> Principal {
        Principal(user: user, grants: grants, serviceKey: "test")
    }

    static func request(_ change: (inout PutObject.Request) -> Void = { _ in }) -> PutObject.Request {
        var request = PutObject.Request()
        change(&request)
        return request
    }

    func admit(
        _ object: ObjectName = .input, _ request: PutObject.Request = PutObject.Request()
    ) async throws -> PutObject.Admission {
        let decision = try await put.admit(Self.principal(), Sample.job, object, request)
        guard case .proceed(let admission) = decision else {
            throw Unexpected(decision: "\(decision)")
        }
        journal.forget()
        return admission
    }

    struct Unexpected: Error { let decision: String }

    func send(
        _ pieces: [[UInt8]] = wav, as object: ObjectName = .input,
        asking request: PutObject.Request = PutObject.Request(), failure: (any Error)? = nil,
        before: @escaping @Sendable (Int) async -> Void = { _ in }
    ) async throws -> PutObject.Outcome {
        let admission = try await admit(object, request)
        return try await put(admission, body: PieceByPiece(pieces: pieces, failure: failure, before: before))
    }

    /// Nothing refers to anything, no temporary bytes stay and no intent is left open.
    func expectNothingLeft(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(catalog.reference == nil, sourceLocation: sourceLocation)
        #expect(store.openUploads == 0, "temporary bytes stay", sourceLocation: sourceLocation)
        #expect(catalog.openIntents == 0, "an intent is left open", sourceLocation: sourceLocation)
    }
}
