/// Makes a job no longer refer to an object.
///
/// The reference goes at once; the bytes are collection's.
public struct ForgetObject: Sendable {
    private let catalog: any Catalog

    /// A forgetter over one catalog.
    public init(catalog: any Catalog) { self.catalog = catalog }

    /// Forgets as the user a credential acts for.
    ///
    /// What the conditions want is compared again under the job's lock: a newer object is never forgotten in the
    /// place of the one that was meant.
    public func callAsFunction(
        _ principal: Principal, _ job: JobID, _ object: ObjectName, _ precondition: Precondition
    ) async throws {
        guard principal.mayManage else { throw Refusal.forbidden("Deleting needs the grant delegate.") }
        guard let found = try await catalog.find(job, object), found.owner == principal.user,
            let reference = found.reference
        else { throw Refusal.notFound }
        let current: ObjectRecord? =
            switch reference {
            case .published(let record): record
            case .foreign: nil
            }
        let expectation = try precondition.forDeleting(current)
        switch try await catalog.forget(found.job, of: found.owner, object, expectation) {
        case .forgotten: return
        case .gone: throw Refusal.notFound
        case .changed: throw Refusal.preconditionFailed(current: nil)
        }
    }
}
