import CustodeCore
import HTTPFetch

/// An open bucket, and what it is reached by.
struct Bucket {
    let store: any ResumableStore
    let fetcher: Fetcher?

    /// Ends what is on its way to it or from it.
    func close() async { await fetcher?.shutdown() }
}
