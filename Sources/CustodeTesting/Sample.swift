import Glibc

/// Bodies to upload, made in place.
public enum Sample {
    /// A valid mono 16-bit WAV of this many samples; different seeds give different sounds.
    public static func wav(samples: Int = 1_000, seed: UInt32 = 1) -> [UInt8] {
        wavHeader(samples: samples) + noise(samples * 2, seed: seed)
    }

    /// The first 44 bytes of such a WAV.
    public static func wavHeader(samples: Int) -> [UInt8] {
        let size = samples * 2
        var bytes = Array("RIFF".utf8) + little(UInt32(36 + size)) + Array("WAVEfmt ".utf8) + little(16)
        bytes += [1, 0, 1, 0] + little(8_000) + little(16_000) + [2, 0, 16, 0]
        return bytes + Array("data".utf8) + little(UInt32(size))
    }

    /// This many bytes that look random and are the same for the same seed.
    public static func noise(_ count: Int, seed: UInt32 = 1) -> [UInt8] {
        var state = seed &* 2_654_435_761 | 1
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            // By words: tests make megabytes, and what builds them is not optimised.
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            var offset = 0
            while offset < count {
                state ^= state << 13
                state ^= state >> 17
                state ^= state << 5
                if count - offset >= 4 {
                    bytes.storeBytes(of: state.littleEndian, toByteOffset: offset, as: UInt32.self)
                } else {
                    for index in offset..<count {
                        bytes[index] = UInt8(truncatingIfNeeded: state >> (8 * (index - offset)))
                    }
                }
                offset += 4
            }
            filled = count
        }
    }

    /// Where bytes begin to differ from those that were wanted; `nil` if they are the same.
    ///
    /// An expectation that compares megabytes would take minutes to tell how they differ.
    public static func firstDifference(_ bytes: [UInt8], _ wanted: [UInt8]) -> Int? {
        let isSame = bytes.withUnsafeBytes { bytes in
            wanted.withUnsafeBytes { wanted in
                guard bytes.count == wanted.count else { return false }
                guard let first = bytes.baseAddress, let second = wanted.baseAddress else { return true }
                return memcmp(first, second, bytes.count) == 0
            }
        }
        return isSame ? nil : zip(bytes, wanted).prefix { $0 == $1 }.count
    }

    /// A plain text, the same for the same number.
    public static func text(_ number: Int = 1) -> [UInt8] {
        Array("This is transcript number \(number): naïve, in UTF-8.\n".utf8)
    }

    private static func little(_ value: UInt32) -> [UInt8] {
        [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}
