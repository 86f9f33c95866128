public import CustodeCore
internal import HTTPFetch
public import Identity
public import Logging
public import ServiceLifecycle

/// Keeps the keys to users' tokens fresh while the service runs.
public struct KeySetKeeper: Service {
    /// Where the keys are kept.
    public let source: KeySetSource
    private let fetcher: Fetcher
    /// Recognises the tokens.
    public let tokens: UserTokens

    /// Keeps the keys of an issuer; nothing is fetched before it runs.
    ///
    /// - Parameter certificates: A file of certificates that the issuer's is to be issued by, in the place of the system's.
    /// - Throws: `FetchError` if the system grants no thread.
    public init(
        _ configuration: UserTokenConfiguration, keySetURL: String, certificates: String?, clock: any WallClock,
        logger: Logger
    ) throws {
        let fetcher = try Fetcher(certificates: certificates)
        source = KeySetSource(fetch: KeySetDownload(url: keySetURL, fetcher: fetcher).get) { fault in
            guard let fault else { return logger.debug("key set fetched") }
            logger.error("users' tokens: \(keySetURL) gives no key set: \(fault)")
        }
        self.fetcher = fetcher
        tokens = UserTokens(configuration, keys: source, clock: clock)
    }

    /// Keeps them until the service stops.
    public func run() async throws {
        await cancelWhenGracefulShutdown { await source.run() }
        await fetcher.shutdown()
    }
}
