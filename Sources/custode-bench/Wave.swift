/// Bytes that pass for audio: a PCM header (RIFF, "WAVEfmt ") and then noise.
enum Wave {
    /// The 44 bytes before the samples of a file of `total` bytes: mono, 16 bits, 44.1 kHz.
    static func header(total: Int) -> [UInt8] {
        var bytes = Array("RIFF".utf8)
        bytes += littleEndian(UInt32(clamping: total - 8))
        bytes += Array("WAVEfmt ".utf8)
        bytes += littleEndian(UInt32(16)) + littleEndian(UInt16(1)) + littleEndian(UInt16(1))
        bytes += littleEndian(UInt32(44_100)) + littleEndian(UInt32(88_200))
        bytes += littleEndian(UInt16(2)) + littleEndian(UInt16(16))
        bytes += Array("data".utf8)
        bytes += littleEndian(UInt32(clamping: total - 44))
        return bytes
    }

    /// The same noise every time, so that runs compare.
    static func noise(_ count: Int) -> [UInt8] {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state)
        }
    }

    /// A whole small file.
    static func file(_ total: Int) -> [UInt8] {
        header(total: total) + noise(total - 44)
    }

    private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
