/// What is remembered of how much users upload.
public protocol UsageCatalog: Sendable {
    /// Adds what users uploaded whole, and tells how much each of them has uploaded in the last day, in any way, at any
    /// replica.
    ///
    /// - Parameter bytes: How many more; 0 for those of whom it is only asked.
    func noteReceived(_ bytes: [UserID: Int64]) async throws(CatalogError) -> [UserID: Int64]
}
