/// A media type without its parameters, as RFC 9110 §8.3.1 writes it.
public struct MediaType: Sendable, Equatable, Hashable {
    /// The type and subtype in lower case, such as `audio/mpeg`.
    public let essence: String

    /// Reads a `Content-Type`; parameters are checked for their form and dropped.
    ///
    /// `nil` when the text is not a media type.
    public init?(_ text: String) {
        var scanner = Scanner(bytes: Array(text.utf8))
        scanner.skipSpace()
        guard let type = scanner.token(), scanner.take(UInt8(ascii: "/")), let subtype = scanner.token(),
            scanner.parameters()
        else { return nil }
        essence = "\(type)/\(subtype)".lowercased()
    }

    /// Whether the type says nothing of the content: bytes, unknown.
    public var isOpaque: Bool {
        essence == "application/octet-stream" || essence == "binary/octet-stream"
    }

    /// The type to store and serve for what libmagic, or a client, calls by another name.
    public static func canonicalType(ofFinding mime: String) -> String {
        let essence = MediaType(mime)?.essence ?? mime
        return canonical[essence] ?? essence
    }

    private static let canonical: [String: String] = [
        "audio/x-m4a": "audio/mp4", "audio/m4a": "audio/mp4", "video/x-m4v": "video/mp4",
        "application/mp4": "video/mp4",
        "audio/x-hx-aac-adts": "audio/aac", "audio/x-hx-aac-adif": "audio/aac", "audio/x-aac": "audio/aac",
        "audio/aacp": "audio/aac", "audio/x-mp4a-latm": "audio/mp4a-latm",
        "audio/x-wav": "audio/wav", "audio/wave": "audio/wav", "audio/vnd.wave": "audio/wav",
        "audio/mp3": "audio/mpeg", "audio/x-mp3": "audio/mpeg", "audio/x-mpeg": "audio/mpeg",
        "audio/x-flac": "audio/flac", "audio/x-aiff": "audio/aiff", "audio/x-ogg": "audio/ogg",
        "audio/opus": "audio/ogg", "application/x-ogg": "application/ogg",
        "audio/x-matroska": "audio/matroska", "video/x-matroska": "video/matroska",
        "application/x-matroska": "video/matroska",
        "video/asf": "video/x-ms-asf", "application/vnd.ms-asf": "video/x-ms-asf",
        "text/x-markdown": "text/markdown", "text/json": "application/json",
        "text/srt": "application/x-subrip", "text/x-srt": "application/x-subrip",
        "text/x-subrip": "application/x-subrip", "application/srt": "application/x-subrip",
    ]
}
