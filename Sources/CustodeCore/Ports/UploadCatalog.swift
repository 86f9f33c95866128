/// What is remembered of resumable uploads, for any replica to go on with them.
public protocol UploadCatalog: Sendable {
    /// Remembers a new upload, if its user may have one more; it is held by a request of its epoch, for a lease.
    ///
    /// - Parameter appends: Whether that request is going to append: then numbers of parts are kept for it.
    func create(
        _ upload: ResumableUpload, _ limits: Policy.Uploads, lease: Duration, appends: Bool
    ) async throws(CatalogError) -> UploadCreation

    /// How many bytes an upload may have whose length is not told yet, by what its user uploads in a day.
    func room(for upload: ResumableUpload, _ limits: Policy.Uploads) async throws(CatalogError) -> Int64

    /// Finds an upload, and whether a request holds it; `nil` if there is none, or no longer.
    func find(upload id: UploadID) async throws(CatalogError) -> (upload: ResumableUpload, isHeld: Bool)?

    /// Lets one request in, for a lease: whoever was before can record nothing any more.
    ///
    /// One that holds it and is not passed over is asked to let go.
    ///
    /// - Parameter appends: Whether it is going to append: then numbers of parts are kept for it, which nobody else takes
    ///   before it lets go in good order.
    func claim(
        _ id: UploadID, lease: Duration, _ insistence: UploadInsistence, appends: Bool
    ) async throws(CatalogError) -> UploadClaim

    /// Records how far an upload has come.
    ///
    /// - Parameters:
    ///   - change: What became of its pieces since it was last recorded.
    ///   - release: Whether the request that holds it lets go; else its lease is renewed.
    ///   - rest: How long it may rest from now on; its intent lasts longer by a lease of its own.
    /// - Returns: Whether the request of that epoch still holds it; if not, nothing was recorded.
    func record(
        _ upload: ResumableUpload, _ change: StagedBlob.Change, release: Bool, lease: Duration, rest: Duration,
        intentLease: Duration
    ) async throws(CatalogError) -> Bool

    /// Lets go of an upload without recording anything.
    ///
    /// - Parameter nextNumber: Which numbers of parts are free: this one and those behind it.
    func release(_ id: UploadID, epoch: Int64, nextNumber: Int) async throws(CatalogError)

    /// Renews the leases of requests under way.
    ///
    /// - Returns: Those that are to let go, or have lost it.
    func attend(
        _ held: [(id: UploadID, epoch: Int64)], lease: Duration
    ) async throws(CatalogError) -> [UploadID]

    /// Makes the job refer to the bytes of an upload and ends it, in one transaction under the job's lock.
    ///
    /// - Throws: ``CatalogError/superseded`` if the request of that epoch holds it no longer.
    func finish(_ upload: ResumableUpload, _ record: ObjectRecord) async throws(CatalogError) -> PublishOutcome

    /// Uploads that nobody holds and that are complete, or have rested for too long, or whose job is gone.
    func due(limit: Int) async throws(CatalogError) -> [UploadID]

    /// Forgets uploads that ended longer ago than this.
    func forget(endedFor age: Duration) async throws(CatalogError)

    /// Which of these are remembered and have not ended.
    func open(_ ids: [UploadID]) async throws(CatalogError) -> [Bool]
}

/// How an attempt to begin an upload ended.
public enum UploadCreation: Sendable, Equatable {
    /// It is remembered.
    case created
    /// The user has as many open as may be.
    case tooManyOpen
    /// The user has uploaded as much today as may be.
    case tooManyBytes
}

/// Whom a request that wants an upload passes over.
public enum UploadInsistence: Int, Sendable {
    /// Nobody.
    case none
    /// Whoever appends.
    case overAppending
    /// Even whoever makes an object of it.
    case overFinishing
}

/// How an attempt to hold an upload ended.
public enum UploadClaim: Sendable, Equatable {
    /// It is held, and as it is now.
    case held(ResumableUpload)
    /// Another request holds it.
    case busy
    /// There is none.
    case gone
}
