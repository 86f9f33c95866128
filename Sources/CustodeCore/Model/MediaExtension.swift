/// The file name extensions that keys carry, by media type.
public enum MediaExtension {
    private static let byType: [String: String] = [
        "audio/wav": "wav", "audio/mpeg": "mp3", "audio/flac": "flac", "audio/ogg": "ogg", "audio/opus": "opus",
        "audio/mp4": "m4a", "audio/aac": "aac", "audio/aiff": "aiff", "audio/x-ms-wma": "wma",
        "audio/webm": "webm", "audio/x-matroska": "mkv", "video/mp4": "mp4", "video/quicktime": "mov",
        "video/webm": "webm", "video/x-matroska": "mkv", "video/matroska": "mkv", "video/x-msvideo": "avi",
        "video/mpeg": "mpg", "video/ogg": "ogg", "application/ogg": "ogg", "video/x-ms-asf": "wma",
        "text/plain": "txt", "text/vtt": "vtt", "application/x-subrip": "srt", "application/json": "json",
    ]

    /// The extension for a type, if it is among those allowed, else the first of these.
    public static func of(_ contentType: String, among allowed: [String]) -> String {
        if let usual = byType[contentType], allowed.contains(usual) { return usual }
        return allowed.first ?? "bin"
    }
}
