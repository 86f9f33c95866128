/// An HTTP/1.1 client on libcurl: one loop thread, bodies streamed both ways, connections used again.
///
/// A reply's body waits for its reader: what is not taken is not received, and the more transfers are under way the less
/// of each waits. Redirects are not followed, and proxies of the environment not used: what is signed for one server
/// goes to no other. Cancelling the task that waits ends the transfer at once.
public final class Fetcher: Sendable {
    private let loop: FetchLoop
    private let observer: (any FetchObserver)?

    /// Starts the loop's thread.
    ///
    /// - Parameter budget: How many bytes of replies may wait for their readers, all together; each may have 8 KiB all the
    ///   same, however many there are.
    /// - Parameter certificates: A file of certificates (PEM) that servers' are to be issued by, in the place of the
    ///   system's.
    /// - Parameter observer: Who sees the requests.
    /// - Throws: ``FetchError`` with ``FetchError/Code/stopped`` if the system grants no thread.
    public init(
        budget: Int = 4 * 1_024 * 1_024, certificates: String? = nil, observer: (any FetchObserver)? = nil
    ) throws(FetchError) {
        self.observer = observer
        loop = try FetchLoop(budget: budget, certificates: certificates)
        try loop.start()
    }

    /// Sends a request and waits for the head of the reply.
    ///
    /// - Throws: ``FetchError``; a reply of any status is none.
    public func fetch(_ request: FetchRequest) async throws(FetchError) -> FetchResponse {
        guard let observer else { return try await send(request) }
        let start = ContinuousClock.now
        do throws(FetchError) {
            let response = try await send(request)
            observer.finished(request.method, status: response.status, after: .now - start)
            return response
        } catch {
            observer.finished(request.method, status: nil, after: .now - start)
            throw error
        }
    }

    private func send(_ request: FetchRequest) async throws(FetchError) -> FetchResponse {
        if let fault = request.fault { throw FetchError(.malformed, fault) }
        if Task.isCancelled { throw TransferState.givenUp }
        let transfer = Transfer(request, on: loop)
        loop.submit(transfer)
        // Made before it is waited for: should the wait end in an error, this ends the transfer.
        let body = FetchBody(transfer)
        return FetchResponse(head: try await transfer.head(), body: body)
    }

    /// Ends what is on its way, and the thread.
    public func shutdown() async { await loop.stop() }
}
