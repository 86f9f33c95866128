internal import CustodeCore
internal import HTTPFetch
internal import NIOCore

/// Sends requests to one project's storage, with its key, and again where that helps.
final class SupabaseClient: Sendable {
    private static let longestDocument = 8 * 1_024 * 1_024

    /// What all URLs begin with.
    let base: String
    private let key: SupabaseConfiguration.Key
    private let fetcher: Fetcher
    private let retries: Retries

    init(base: String, key: SupabaseConfiguration.Key, fetcher: Fetcher, retries: Retries) {
        self.base = base
        self.key = key
        self.fetcher = fetcher
        self.retries = retries
    }

    /// - Returns: The reply, of a status that means success; its body is still to be read.
    func send(_ request: SupabaseRequest) async throws(SupabaseError) -> FetchResponse {
        try await retries(request) { request throws(SupabaseError) in try await sendOnce(request) }
    }

    /// Sends a request and reads the reply to its end.
    func bytes(_ request: SupabaseRequest) async throws(SupabaseError) -> [UInt8] {
        let response = try await send(request)
        do throws(FetchError) {
            return Array(try await response.body.collect(upTo: Self.longestDocument).readableBytesView)
        } catch {
            throw SupabaseError(error)
        }
    }

    /// Sends a request whose reply is a document.
    func document<Value: Decodable>(
        _ request: SupabaseRequest, _ type: Value.Type
    ) async throws(SupabaseError) -> Value { try SupabaseJSON.read(type, await bytes(request)) }

    /// Sends a request whose reply's head says all.
    @discardableResult
    func head(_ request: SupabaseRequest) async throws(SupabaseError) -> FetchHead {
        let response = try await send(request)
        do throws(FetchError) {
            try await response.body.drain()
        } catch {
            throw SupabaseError(error)
        }
        return response.head
    }

    private func sendOnce(_ request: SupabaseRequest) async throws(SupabaseError) -> FetchResponse {
        var fetch = FetchRequest(
            request.method, base + request.path + (request.query.isEmpty ? "" : "?\(request.query)"))
        fetch.headers = credentials + request.headers
        fetch.body = request.body
        fetch.stall = request.stall
        fetch.isNeverResent = request.isNeverResent
        let response: FetchResponse
        do throws(FetchError) {
            response = try await BucketSpan.around(fetch) { request throws(FetchError) in
                try await fetcher.fetch(request)
            }
        } catch {
            throw SupabaseError(error)
        }
        guard !(200...299).contains(response.status) else { return response }
        let text = try? await response.body.collect(upTo: 64 * 1_024)
        throw SupabaseError(response.head, body: text.map { Array($0.readableBytesView) } ?? [])
    }

    private var credentials: [(name: String, value: String)] {
        switch key {
        case .token(let token): [("authorization", "Bearer \(token)"), ("apikey", token)]
        case .secret(let secret): [("apikey", secret)]
        }
    }
}
