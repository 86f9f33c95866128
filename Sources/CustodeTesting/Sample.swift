/// Bodies to upload, made in place.
public enum Sample {
    /// A valid mono 16-bit WAV of this many samples; different seeds give different sounds.
    public static func wav(samples: Int = 1_000, seed: UInt32 = 1) -> [UInt8] {
        let size = samples * 2
        var bytes = Array("RIFF".utf8) + little(UInt32(36 + size)) + Array("WAVEfmt ".utf8) + little(16)
        bytes += [1, 0, 1, 0] + little(8_000) + little(16_000) + [2, 0, 16, 0]
        bytes += Array("data".utf8) + little(UInt32(size))
        return bytes + noise(size, seed: seed)
    }

    /// This many bytes that look random and are the same for the same seed.
    public static func noise(_ count: Int, seed: UInt32 = 1) -> [UInt8] {
        var state = seed &* 2_654_435_761 | 1
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            for index in 0..<count {
                state ^= state << 13
                state ^= state >> 17
                state ^= state << 5
                buffer[index] = UInt8(truncatingIfNeeded: state)
            }
            filled = count
        }
    }

    /// A plain text, the same for the same number.
    public static func text(_ number: Int = 1) -> [UInt8] {
        Array("This is transcript number \(number): naïve, in UTF-8.\n".utf8)
    }

    private static func little(_ value: UInt32) -> [UInt8] {
        [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}
