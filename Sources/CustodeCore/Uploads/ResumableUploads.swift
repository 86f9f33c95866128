/// Receives objects in several requests, on any replica.
///
/// A request holds an upload while it appends to it; a newer one takes it over, and what the earlier one could not record by then
/// never counts. The offset told is of durable bytes and never decreases. An upload whose bytes are all there is published by
/// whoever comes first, and its answer can be asked for again.
public struct ResumableUploads: Sendable {
    let catalog: any Catalog
    let uploads: any UploadCatalog
    let store: any ResumableStore
    let sniffer: any TypeSniffer
    let checksums: any Checksumming
    let putObject: PutObject
    let watch: AppendWatch
    let policy: Policy
    let clock: any WallClock
    let random: any RandomSource
    let dailyBytes: DailyBytes?
    let published: @Sendable (ResumableUpload, ObjectRecord) -> Void

    /// Uploads over one catalog and one store.
    ///
    /// - Parameters:
    ///   - dailyBytes: What users' uploads in one piece take of their bytes for the day.
    ///   - published: Told of each upload that became an object, whoever finished it.
    public init(
        catalog: any Catalog & UploadCatalog, store: any ResumableStore, sniffer: any TypeSniffer,
        checksums: any Checksumming, watch: AppendWatch, policy: Policy, clock: any WallClock,
        random: any RandomSource, dailyBytes: DailyBytes? = nil,
        published: @escaping @Sendable (ResumableUpload, ObjectRecord) -> Void = { _, _ in }
    ) {
        self.dailyBytes = dailyBytes
        self.published = published
        self.catalog = catalog
        uploads = catalog
        self.store = store
        self.sniffer = sniffer
        self.checksums = checksums
        self.watch = watch
        self.policy = policy
        self.clock = clock
        self.random = random
        putObject = PutObject(
            catalog: catalog, store: store, sniffer: sniffer, policy: policy, clock: clock, random: random)
    }

    /// Who asks.
    public enum Caller: Sendable {
        /// A credential.
        case principal(Principal)
        /// A link, whose tag was verified; its time may be over where an upload was begun before.
        case link(LinkClaims)
    }

    /// How an upload stands for whoever asks.
    public enum Standing: Sendable {
        /// More is to come.
        case receiving(ResumableUpload)
        /// It is the object.
        case published(ResumableUpload, PutObject.Outcome)
        /// It is whole, and waits for others to be joined with.
        case partial(ResumableUpload)

        /// The upload.
        public var upload: ResumableUpload {
            switch self {
            case .receiving(let upload), .published(let upload, _), .partial(let upload): upload
            }
        }
    }

    /// The largest object of all, which is as much as a partial upload may have.
    public var largestObject: Int64 { policy.objects.values.map(\.maximumBytes).max() ?? 0 }

    /// How long an upload may rest.
    public var rest: Duration { policy.uploads.expires }
}

extension ResumableUploads {
    /// Finds an upload for its creator; for anybody else there is none.
    ///
    /// - Throws: ``Refusal/notFound``, ``Refusal/uploadGone(_:)``.
    func authorized(
        _ id: UploadID, _ caller: Caller
    ) async throws -> (upload: ResumableUpload, isHeld: Bool) {
        guard let found = try await uploads.find(upload: id),
            try await isCreator(caller, of: found.upload)
        else { throw Refusal.notFound }
        if case .ended(let ending) = found.upload.state { throw Refusal(ending) }
        if case .done(.some) = found.upload.state { return found }
        guard found.upload.expires > clock.now() else { throw Refusal(.expired) }
        return found
    }

    private func isCreator(_ caller: Caller, of upload: ResumableUpload) async throws -> Bool {
        switch caller {
        case .principal(let principal):
            guard upload.creator.link == nil, upload.creator.user == principal.user else { return false }
            guard let target = upload.target else { return !principal.grants.isEmpty }
            guard principal.mayWrite(target.object) else { return false }
            return try await catalog.find(target.job, target.object)?.owner == principal.user
        case .link(let claims):
            guard let link = upload.creator.link, link.nonce == claims.nonce else { return false }
            guard let found = try await catalog.find(claims.job, claims.object) else { return false }
            return found.owner == upload.creator.user && claims.isCurrent(for: found)
        }
    }

    /// Holds an upload, taking it over from whoever does; in well under a second.
    ///
    /// - Throws: ``Refusal/notFound``.
    func hold(_ id: UploadID, appends: Bool = false) async throws -> ResumableUpload {
        for attempt in 0... {
            let insistence: UploadInsistence =
                switch attempt {
                case ...Self.patience: .none
                case ...Self.patienceWithFinishing: .overAppending
                default: .overFinishing
                }
            switch try await uploads.claim(id, lease: AppendWatch.lease, insistence, appends: appends) {
            case .held(let upload): return upload
            case .gone: throw Refusal.notFound
            case .busy:
                watch.stop(id)
                try await Task.sleep(for: Self.poll)
            }
        }
        throw Refusal.uploadTaken
    }

    /// How often a holder is asked to let go before it is passed over.
    private static let patience = 25
    /// The same, where it is putting an object together: a bucket may take its time over that.
    private static let patienceWithFinishing = 500
    private static let poll = Duration.milliseconds(20)
}

extension Refusal {
    /// What is told of an upload that came to nothing.
    init(_ ending: UploadEnding) {
        self =
            switch ending {
            case .terminated: .uploadGone("The upload was given up; begin a new one.")
            case .expired: .uploadGone("The upload rested for too long; begin a new one.")
            case .unsupportedType(let detail): .uploadGone("The upload was ended. \(detail)")
            case .tooLarge(let limit): .uploadGone("The upload was ended: more than \(limit) bytes came.")
            case .wrongDigest: .uploadGone("The upload was ended: its SHA-256 was not the one announced.")
            case .jobGone: .notFound
            case .exists: .uploadGone("The upload was ended: another upload of the object was first.")
            case .changed: .uploadGone("The upload was ended: the object to be replaced is another now.")
            case .linkUsed: .linkUsed
            }
    }
}
