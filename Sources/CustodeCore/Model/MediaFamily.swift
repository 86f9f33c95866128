/// What a media type is to the policy: objects accept families, never single types.
///
/// A type may belong to several: a container that carries sound or pictures is audio and video, and
/// subtitles and JSON are also text. A type that belongs to none is accepted nowhere.
public enum MediaFamily: String, Sendable, CaseIterable {
    /// Sound.
    case audio
    /// Moving pictures, with or without sound.
    case video
    /// Plain text for people.
    case text
    /// JSON; also text.
    case json
    /// Timed text; also text.
    case subtitles

    /// The families that are judged as UTF-8 rather than by their first bytes.
    public static let textual: Set<MediaFamily> = [.text, .json, .subtitles]

    /// The families of a type that a client claims; empty for types that are accepted nowhere.
    ///
    /// Claims that say nothing (``MediaType/isOpaque``) are empty too: ask that first.
    public static func ofClaim(_ type: MediaType) -> Set<MediaFamily> {
        families(of: type.essence)
    }

    /// The families of a type that the bytes look like, as libmagic spells it; empty for types that are
    /// accepted nowhere.
    public static func ofFinding(_ mime: String) -> Set<MediaFamily> {
        families(of: MediaType(mime)?.essence ?? "")
    }

    private static func families(of essence: String) -> Set<MediaFamily> {
        if let families = exact[essence] { return families }
        guard !refused.contains(essence), let slash = essence.firstIndex(of: "/") else { return [] }
        let top = essence[..<slash]
        guard top == "audio" || top == "video" else { return [] }
        if containers.contains(String(essence[slash...].dropFirst())) { return [.audio, .video] }
        return top == "audio" ? [.audio] : [.video]
    }

    /// Subtypes of `audio/` and `video/` that may hold sound alone under either name.
    private static let containers: Set<String> = [
        "webm", "matroska", "x-matroska", "mp4", "quicktime", "ogg", "3gpp", "3gpp2", "asf", "x-ms-asf",
        "x-ms-wma", "x-ms-wmv", "mp2t",
    ]

    // Text is a closed list: text/html, text/css, text/javascript and whatever comes next stay out.
    private static let exact: [String: Set<MediaFamily>] = [
        "application/ogg": [.audio, .video],
        "application/mp4": [.audio, .video],
        "application/x-matroska": [.audio, .video],
        "application/vnd.ms-asf": [.audio, .video],
        "application/mxf": [.audio, .video],
        "application/vnd.rn-realmedia": [.audio, .video],
        "text/plain": [.text],
        "text/markdown": [.text],
        "text/x-markdown": [.text],
        "text/csv": [.text],
        "text/tab-separated-values": [.text],
        "application/json": [.json, .text],
        "text/json": [.json, .text],
        "application/x-ndjson": [.json, .text],
        "application/jsonl": [.json, .text],
        "application/x-subrip": [.subtitles, .text],
        "application/srt": [.subtitles, .text],
        "text/srt": [.subtitles, .text],
        "text/x-srt": [.subtitles, .text],
        "text/x-subrip": [.subtitles, .text],
        "text/vtt": [.subtitles, .text],
        "text/x-ssa": [.subtitles, .text],
        "text/x-ass": [.subtitles, .text],
    ]
}
