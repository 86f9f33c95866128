public import HTTPFetch
internal import NIOCore

/// Gets the key set of an issuer, which may be slow, wrong, huge or gone.
public struct KeySetDownload: Sendable {
    /// How long it may take in all.
    public static let patience = Duration.seconds(5)
    /// More than any issuer's.
    public static let largest = 512 * 1_024

    private let url: String
    private let fetcher: Fetcher

    /// The key set at a URL.
    public init(url: String, fetcher: Fetcher) {
        self.url = url
        self.fetcher = fetcher
    }

    /// The document.
    ///
    /// - Throws: ``FetchError`` or ``Fault``.
    public func get() async throws -> [UInt8] {
        try await withThrowingTaskGroup { group in
            group.addTask { try await download() }
            group.addTask {
                try await Task.sleep(for: Self.patience)
                throw Fault(description: "no whole reply within \(Self.patience)")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }

    private func download() async throws -> [UInt8] {
        var request = FetchRequest("GET", url)
        request.headers = [("Accept", "application/json")]
        request.stall = Self.patience
        let response = try await fetcher.fetch(request)
        guard response.status == 200 else { throw Fault(description: "status \(response.status)") }
        if let type = response.head["content-type"], !Self.isJSON(type) {
            throw Fault(description: "it is \(type), not JSON")
        }
        return Array(try await response.body.collect(upTo: Self.largest).readableBytesView)
    }

    private static func isJSON(_ type: String) -> Bool {
        let essence = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        return essence == "application/json" || (essence.hasPrefix("application/") && essence.hasSuffix("+json"))
    }

    /// What is wrong with a reply.
    public struct Fault: Error, CustomStringConvertible {
        /// A few words for the log.
        public let description: String
    }
}
