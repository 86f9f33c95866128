/// Tells frames of sound from bytes that merely begin like one.
///
/// libmagic takes the two bytes `FF FB` for MPEG audio, and `FF F1` for AAC, whatever follows.
enum FrameSync {
    /// Whether MPEG audio frames begin here: two headers that agree, the second where the first says.
    ///
    /// - Parameters:
    ///   - bytes: The first bytes of the sound.
    ///   - isWhole: Whether nothing follows these bytes; a single complete frame is then enough.
    static func isMPEGAudio(_ bytes: [UInt8], isWhole: Bool) -> Bool {
        guard let first = MPEGHeader(bytes, at: 0) else { return false }
        if let second = MPEGHeader(bytes, at: first.length) { return first.agrees(with: second) }
        return isWhole && endsThere(bytes, at: first.length)
    }

    /// Whether AAC frames in ADTS begin here, by the same rule.
    static func isADTS(_ bytes: [UInt8], isWhole: Bool) -> Bool {
        guard let length = adtsLength(bytes, at: 0) else { return false }
        if adtsLength(bytes, at: length) != nil {
            // Layer, profile, rate and the channels of both headers are the same.
            return bytes[1] == bytes[length + 1] && bytes[2] == bytes[length + 2]
        }
        return isWhole && endsThere(bytes, at: length)
    }

    /// Whether the sound ends at an offset, but for a trailing ID3v1 or APE tag.
    private static func endsThere(_ bytes: [UInt8], at offset: Int) -> Bool {
        guard offset <= bytes.count else { return false }
        let rest = bytes[offset...]
        return rest.isEmpty || rest.starts(with: "TAG".utf8) || rest.starts(with: "APETAGEX".utf8)
    }

    private static func adtsLength(_ bytes: [UInt8], at offset: Int) -> Int? {
        guard offset + 7 <= bytes.count, bytes[offset] == 0xFF, bytes[offset + 1] & 0xF6 == 0xF0,
            bytes[offset + 2] >> 2 & 0xF < 13
        else { return nil }
        let length =
            Int(bytes[offset + 3] & 3) << 11 | Int(bytes[offset + 4]) << 3 | Int(bytes[offset + 5] >> 5)
        return length > 7 ? length : nil
    }
}

/// The header of one MPEG audio frame (ISO 11172-3 §2.4.2.3, with version 2.5).
private struct MPEGHeader {
    /// The length of the whole frame in bytes.
    let length: Int

    private let version: Int
    private let layer: Int
    private let rate: Int

    init?(_ bytes: [UInt8], at offset: Int) {
        guard offset + 4 <= bytes.count, bytes[offset] == 0xFF, bytes[offset + 1] & 0xE0 == 0xE0 else {
            return nil
        }
        version = Int(bytes[offset + 1] >> 3 & 3)
        layer = 4 - Int(bytes[offset + 1] >> 1 & 3)
        rate = Int(bytes[offset + 2] >> 2 & 3)
        let bitrateIndex = Int(bytes[offset + 2] >> 4)
        // A free bitrate (index 0) does not say where the next frame is; nobody writes it.
        guard version != 1, layer != 4, rate != 3, (1...14).contains(bitrateIndex), bytes[offset + 3] & 3 != 2
        else { return nil }
        let isVersion1 = version == 3
        let bits = 1000 * Self.kilobits[isVersion1 ? layer - 1 : (layer == 1 ? 3 : 4)][bitrateIndex - 1]
        let hertz = [44_100, 48_000, 32_000][rate] >> (isVersion1 ? 0 : version == 2 ? 1 : 2)
        let padding = Int(bytes[offset + 2] >> 1 & 1)
        length =
            switch layer {
            case 1: (12 * bits / hertz + padding) * 4
            case 3 where !isVersion1: 72 * bits / hertz + padding
            default: 144 * bits / hertz + padding
            }
    }

    func agrees(with other: MPEGHeader) -> Bool {
        version == other.version && layer == other.layer && rate == other.rate
    }

    private static let kilobits = [
        [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ]
}
