internal import Synchronization

/// Keeps the requests of this process that append to uploads: renews their leases, and ends those that a newer request waits
/// for.
public final class AppendWatch: Sendable {
    /// How long a request holds an upload without a sign of life from its process.
    static let lease = Duration.seconds(30)

    private struct Holder {
        let epoch: Int64
        let stop: @Sendable () -> Void
    }

    private let holders = Mutex<[UploadID: Holder]>([:])
    private let catalog: any UploadCatalog

    /// A watch over nothing yet.
    public init(catalog: any UploadCatalog) { self.catalog = catalog }

    /// Looks once; whoever runs the service does so a few times a second.
    public func look() async {
        let held = holders.withLock { holders in holders.map { (id: $0.key, epoch: $0.value.epoch) } }
        guard !held.isEmpty else { return }
        // One that cannot be asked now is asked the next time: the lease lasts for many.
        guard let wanted = try? await catalog.attend(held, lease: Self.lease) else { return }
        let asked = Dictionary(held.map { ($0.id, $0.epoch) }) { $1 }
        for id in wanted {
            // A request that let go since, or a newer one, is not meant.
            let holder = holders.withLock { holders in holders[id].flatMap { $0.epoch == asked[id] ? $0 : nil } }
            holder?.stop()
        }
    }

    /// Ends the request of this process that holds an upload, if there is one.
    func stop(_ id: UploadID) { holders.withLock { $0[id] }?.stop() }

    /// Notes a request that holds an upload.
    ///
    /// - Parameter stop: Ends the request's body, such that what has come of it is recorded.
    func enter(_ upload: ResumableUpload, stop: @escaping @Sendable () -> Void) {
        holders.withLock { $0[upload.id] = Holder(epoch: upload.epoch, stop: stop) }
    }

    /// Notes that it does no longer, which must be before the catalog knows.
    func leave(_ upload: ResumableUpload) {
        holders.withLock { holders in
            if holders[upload.id]?.epoch == upload.epoch { holders[upload.id] = nil }
        }
    }
}
