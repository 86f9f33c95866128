/// Tells what bytes are from the bytes themselves.
public protocol TypeSniffer: Sendable {
    /// The media type that these first bytes of a body look like.
    ///
    /// - Throws: When the library behind it failed; never because the bytes are unknown, which is
    ///   `application/octet-stream`.
    func mimeType(of prefix: [UInt8]) async throws -> String
}
