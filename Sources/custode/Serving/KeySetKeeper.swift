import HTTPFetch
import Identity
import Logging
import ServiceLifecycle

/// Keeps the keys to users' tokens fresh while the service runs.
struct KeySetKeeper: Service {
    /// Where the keys are kept.
    let source: KeySetSource
    private let fetcher: Fetcher
    /// Recognises the tokens.
    let tokens: UserTokens

    init(_ configuration: UserTokenConfiguration, keySetURL: String, parts: Parts) throws {
        let fetcher = try Fetcher(certificates: Parts.certificates)
        let logger = parts.logger
        source = KeySetSource(fetch: KeySetDownload(url: keySetURL, fetcher: fetcher).get) { fault in
            guard let fault else { return logger.debug("key set fetched") }
            logger.error("users' tokens: \(keySetURL) gives no key set: \(fault)")
        }
        self.fetcher = fetcher
        tokens = UserTokens(configuration, keys: source, clock: parts.clock)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { await source.run() }
        await fetcher.shutdown()
    }
}
