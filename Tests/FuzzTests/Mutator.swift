import CustodeTesting

/// Makes inputs from others, as likely to be nearly right as to be nothing at all.
struct Mutator: Sendable {
    let corpus: [[UInt8]]
    let tokens: [[UInt8]]
    let lines: [[UInt8]]
    let longest: Int

    private static let bytes: [UInt8] = [
        0, 1, 9, 10, 13, 0x1F, 0x20, 0x22, 0x25, 0x2C, 0x2D, 0x2E, 0x2F, 0x30, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x5C, 0x7F,
        0x80, 0xBF, 0xC0, 0xC2, 0xE2, 0xED, 0xF4, 0xFE, 0xFF,
    ]

    private static let numbers = [
        "0", "-0", "-1", "+1", "00", "1e9", "1e400", "0x10", "127", "128", "255", "256", "32768", "65535", "65536",
        "2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999999999", "NaN",
        "0.1", "1.7976931348623157e308",
    ].map { Array($0.utf8) }

    // What Unicode makes hard: combining marks, direction, joiners, look-alikes, the end of a plane.
    private static let characters = [
        "\u{301}", "\u{200D}", "\u{202E}", "\u{FEFF}", "\u{212A}", "é", "e\u{301}", "ß", "İ", "👩‍🎤", "\u{10FFFF}",
        "\u{2028}", "\u{85}", "\u{E0041}", "１", "․", "\u{37E}", "\r\n",
    ].map { Array($0.utf8) }

    /// The next input.
    func input(_ random: inout SeededGenerator) -> [UInt8] {
        var bytes = corpus.randomElement(using: &random) ?? []
        if !lines.isEmpty, chance(2, &random) {
            addLines(to: &bytes, &random)
            return bytes
        }
        if chance(40, &random) {
            bytes = random.bytes(Int.random(in: 0...64, using: &random))
        } else if chance(12, &random) {
            splice(&bytes, &random)
        }
        // Mostly a few changes: after many nothing is left to be nearly right.
        var changes = 1
        while changes < 12, !chance(3, &random) { changes += 1 }
        for _ in 0..<changes { change(&bytes, &random) }
        return bytes.count > longest ? Array(bytes[..<longest]) : bytes
    }

    /// Puts lines behind the first one.
    private func addLines(to bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let place = (bytes.firstIndex(of: 0x0A) ?? bytes.count - 1) + 1
        for _ in 0..<Int.random(in: 0...4, using: &random) { insert(lines, &bytes, place, &random) }
    }

    private func chance(_ one: Int, _ random: inout SeededGenerator) -> Bool {
        Int.random(in: 0..<one, using: &random) == 0
    }

    private func change(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<16, using: &random) {
        case 0, 1: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        case 2: bytes.insert(byte(&random), at: place)
        case 3, 4: if place < bytes.count { bytes[place] = byte(&random) }
        case 5: bytes.removeSubrange(run(in: bytes, &random))
        case 6: insert(tokens, &bytes, place, &random)
        case 7: insert(tokens, &bytes, place, &random)
        case 8: replace(with: tokens, &bytes, &random)
        case 9: insert(Self.numbers, &bytes, place, &random)
        case 10: replaceNumber(&bytes, &random)
        case 11: insert(Self.characters, &bytes, place, &random)
        case 12: bytes.insert(contentsOf: bytes[run(in: bytes, &random)], at: place)
        case 13:
            if chance(4, &random) {
                bytes.removeSubrange(place...)
            } else {
                bytes.removeSubrange(run(in: bytes, &random))
            }
        case 14: if chance(6, &random) { repeatRun(&bytes, &random) }
        default: swapRuns(&bytes, &random)
        }
    }

    private func byte(_ random: inout SeededGenerator) -> UInt8 {
        if chance(2, &random) { return UInt8.random(in: 0...255, using: &random) }
        return Self.bytes.randomElement(using: &random) ?? 0
    }

    /// A short run of bytes, or now and then any.
    private func run(in bytes: [UInt8], _ random: inout SeededGenerator) -> Range<Int> {
        guard !bytes.isEmpty else { return 0..<0 }
        let start = Int.random(in: 0..<bytes.count, using: &random)
        let most = chance(4, &random) ? bytes.count - start : min(8, bytes.count - start)
        return start..<start + Int.random(in: 1...most, using: &random)
    }

    private func insert(
        _ words: [[UInt8]], _ bytes: inout [UInt8], _ place: Int, _ random: inout SeededGenerator
    ) {
        bytes.insert(contentsOf: words.randomElement(using: &random) ?? [], at: place)
    }

    private func replace(with words: [[UInt8]], _ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        bytes.replaceSubrange(run(in: bytes, &random), with: words.randomElement(using: &random) ?? [])
    }

    /// Puts another number in the place of one.
    private func replaceNumber(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
        let starts = bytes.indices.filter { isDigit(bytes[$0]) && ($0 == 0 || !isDigit(bytes[$0 - 1])) }
        guard let start = starts.randomElement(using: &random) else { return }
        let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
        var number = Self.numbers.randomElement(using: &random) ?? []
        if chance(2, &random) { number = Array(String(Int.random(in: 0...100_000, using: &random)).utf8) }
        bytes.replaceSubrange(start..<end, with: number)
    }

    private func repeatRun(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let part = run(in: bytes, &random)
        guard !part.isEmpty, bytes.count < longest else { return }
        let times = Int.random(in: 1...max(1, (longest - bytes.count) / part.count), using: &random)
        bytes.insert(contentsOf: repeatElement(bytes[part], count: times).joined(), at: part.upperBound)
    }

    private func swapRuns(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let (one, other) = (run(in: bytes, &random), run(in: bytes, &random))
        guard one.upperBound <= other.lowerBound else { return }
        let moved = Array(bytes[other])
        bytes.replaceSubrange(other, with: bytes[one])
        bytes.replaceSubrange(one, with: moved)
    }

    /// The beginning of one entry and the end of another.
    private func splice(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        guard let other = corpus.randomElement(using: &random) else { return }
        bytes = Array(
            bytes[..<Int.random(in: 0...bytes.count, using: &random)]
                + other[Int.random(in: 0...other.count, using: &random)...])
    }
}
