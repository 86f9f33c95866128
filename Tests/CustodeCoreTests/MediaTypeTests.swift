import Testing

@testable import CustodeCore

@Suite("media types and their families")
struct MediaTypeTests {
    @Test(
        "a media type is read in any case, and its parameters are dropped",
        arguments: [
            "audio/mpeg", "AUDIO/Mpeg", " audio/mpeg\t", "audio/mpeg;", "audio/mpeg ; ; a=b",
            "audio/mpeg;a=\"\\\";x\"",
            "audio/mpeg; charset=utf-8;codecs=\"mp3, x\"",
        ])
    func reads(text: String) {
        #expect(MediaType(text)?.essence == "audio/mpeg")
    }

    @Test(
        "what is not a media type is none",
        arguments: [
            "", "audio", "audio/", "/mpeg", "audio/mpeg/x", "audio /mpeg", "au dio/mpeg", "audio/mpeg x",
            "audio/mpeg;a",
            "audio/mpeg;a=", "audio/mpeg;a=\"", "audio/mpeg;a=\"\\", "audio/mpeg;a =b", "audio/mpég",
            "audio/mpeg, text/html",
            "audio/mpeg\r\nX: y", "audio/mpeg;a=\"\u{1}\"",
        ])
    func refuses(text: String) {
        #expect(MediaType(text) == nil)
    }

    @Test("containers of both are both, subtitles and JSON are also text")
    func families() {
        for type in [
            "video/webm", "audio/webm", "video/x-matroska", "video/mp4", "audio/mp4", "video/quicktime",
            "audio/ogg",
            "application/ogg", "video/x-ms-asf", "video/3gpp",
        ] { #expect(MediaFamily.ofFinding(type) == [.audio, .video], "\(type)") }
        #expect(MediaFamily.ofFinding("audio/x-m4a") == [.audio])
        #expect(MediaFamily.ofFinding("audio/x-hx-aac-adts") == [.audio])
        #expect(MediaFamily.ofFinding("video/x-msvideo") == [.video])
        #expect(MediaFamily.ofFinding("text/vtt") == [.subtitles, .text])
        #expect(MediaFamily.ofFinding("application/json") == [.json, .text])
    }

    @Test(
        "what runs, renders, unpacks or fetches is of no family",
        arguments: [
            "text/html", "image/svg+xml", "text/xml", "application/javascript", "text/javascript",
            "application/pdf",
            "application/zip", "application/gzip", "application/x-7z-compressed", "application/x-rar",
            "application/x-executable", "application/x-dosexec", "text/x-shellscript", "text/css",
            "audio/x-mpegurl",
            "application/octet-stream", "image/png", "nonsense", "",
        ])
    func refused(type: String) {
        #expect(MediaFamily.ofFinding(type).isEmpty)
    }

    @Test("libmagic's own names become those that players know")
    func canonical() {
        for (name, standard) in [
            ("audio/x-m4a", "audio/mp4"), ("audio/x-hx-aac-adts", "audio/aac"), ("audio/x-wav", "audio/wav"),
            ("video/x-matroska", "video/matroska"), ("audio/flac", "audio/flac"), ("video/mp4", "video/mp4"),
        ] { #expect(MediaType.canonicalType(ofFinding: name) == standard) }
    }
}
