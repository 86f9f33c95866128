/// What a job is to make of its input.
enum JobType: String, Sendable, CaseIterable, Codable {
    case transcription, translation, stream

    /// The setting that names its technical endpoint.
    var setting: SettingName {
        switch self {
        case .transcription: .transcriptionURL
        case .translation: .translationURL
        case .stream: .streamURL
        }
    }

    /// The kinds of artifacts it may make; the first is what it is there for.
    var outputs: [Output] {
        switch self {
        case .transcription, .stream: [.transcript, .srt, .json]
        case .translation: [.translation, .srt, .json]
        }
    }

    /// What a job brings forth.
    enum Output: String, Sendable {
        case transcript, translation, srt, json

        /// The types it may be of, which Custode judges by its bytes.
        var contentTypes: [String] {
            switch self {
            case .transcript: ["text/plain"]
            case .translation: ["application/json", "text/plain"]
            case .srt: ["application/x-subrip", "text/vtt"]
            case .json: ["application/json"]
            }
        }
    }
}
