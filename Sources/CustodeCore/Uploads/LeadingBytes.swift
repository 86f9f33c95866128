/// What libmagic, with its text tests off, does not know but the first bytes tell.
enum LeadingBytes {
    /// The type that the first bytes of a body show; `nil` when they show nothing.
    static func type(of bytes: [UInt8]) -> String? {
        if bytes.starts(with: coreAudio) { return "audio/x-caf" }
        if bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) { return "application/x-elf" }
        if isTransportStream(bytes) { return "video/mp2t" }
        return markup(bytes)
    }

    private static let coreAudio = Array("caff\0\u{1}\0\0desc".utf8)

    /// Whether MPEG transport packets of 188 bytes follow one another, at least three of them.
    private static func isTransportStream(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 3 * 188 else { return false }
        return stride(from: 0, to: bytes.count, by: 188).allSatisfy { bytes[$0] == 0x47 }
    }

    // Only what opens a whole document: prose may well begin with some lesser tag.
    private static let documents: [(opening: String, type: String)] = [
        ("<!doctype html", "text/html"), ("<html", "text/html"), ("<head", "text/html"),
        ("<body", "text/html"), ("<script", "text/html"), ("<iframe", "text/html"),
        ("<svg", "image/svg+xml"), ("<!doctype svg", "image/svg+xml"), ("<?xml", "text/xml"),
        ("<?php", "text/x-php"), ("#!/", "text/x-shellscript"), ("#! /", "text/x-shellscript"),
        ("#extm3u", "application/vnd.apple.mpegurl"),
    ]

    private static func markup(_ bytes: [UInt8]) -> String? {
        var start = bytes[...]
        if start.starts(with: [0xEF, 0xBB, 0xBF]) { start = start.dropFirst(3) }
        start = start.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let lowered = start.prefix(16).map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        return documents.first { lowered.starts(with: $0.opening.utf8) }?.type
    }
}
