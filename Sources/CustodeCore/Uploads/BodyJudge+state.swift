extension BodyJudge {
    private static let formatVersion: UInt8 = 1
    // Counters that begin beyond it could not be counted on.
    private static let longestBody = 1 << 60

    /// What must be kept of a judgement for another process to go on with it: ``resume(_:)``.
    var state: [UInt8] {
        var writer = StateWriter()
        writer.write(Self.formatVersion)
        let (code, left) = phaseCode
        writer.write(code)
        writer.write(left)
        writer.write((isBehindTag ? 1 : 0) | (isEmpty ? 2 : 0) as UInt8)
        writer.write(tagBytes)
        writer.write(text.fault ?? -1)
        writer.write(text.offset)
        writer.write(text.sequenceStart)
        writer.write(text.missing)
        writer.write(text.lowest)
        writer.write(text.highest)
        writer.write(window)
        writer.write(Array((contentType ?? "").utf8))
        return writer.bytes
    }

    /// Goes on from a state, with the same object and claim as before.
    ///
    /// - Returns: Whether it was one.
    mutating func resume(_ state: [UInt8]) -> Bool {
        var reader = StateReader(state)
        guard reader.byte() == Self.formatVersion, let code = reader.byte(), let left = reader.int(),
            let flags = reader.byte(), let tagBytes = reader.int(), let fault = reader.int(),
            let offset = reader.int(), let start = reader.int(), let missing = reader.int(),
            let lowest = reader.byte(), let highest = reader.byte(), let window = reader.array(),
            let type = reader.array(), let phase = Self.phase(code, left), window.count <= Self.windowLength,
            (0...Self.longestBody).contains(tagBytes), (0...Self.longestBody).contains(offset),
            (0...3).contains(missing)
        else { return false }
        self.phase = phase
        self.window = window
        self.tagBytes = tagBytes
        isBehindTag = flags & 1 != 0
        isEmpty = flags & 2 != 0
        (text.fault, text.offset, text.sequenceStart) = (fault < 0 ? nil : fault, offset, start)
        (text.missing, text.lowest, text.highest) = (missing, lowest, highest)
        contentType = type.isEmpty ? nil : String(decoding: type, as: UTF8.self)
        return true
    }

    private var phaseCode: (UInt8, Int) {
        switch phase {
        case .gathering: (0, 0)
        case .skippingTag(let left): (1, left)
        case .skippingPadding: (2, 0)
        case .asked: (3, 0)
        case .media: (4, 0)
        case .text: (5, 0)
        }
    }

    private static func phase(_ code: UInt8, _ left: Int) -> Phase? {
        switch code {
        case 0: .gathering
        case 1 where (0...longestBody).contains(left): .skippingTag(left: left)
        case 2: .skippingPadding
        case 3: .asked
        case 4: .media
        case 5: .text
        default: nil
        }
    }
}

/// Writes numbers, highest byte first, and arrays behind their length.
private struct StateWriter {
    var bytes: [UInt8] = []

    mutating func write(_ byte: UInt8) { bytes.append(byte) }

    mutating func write(_ number: Int) {
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    mutating func write(_ array: [UInt8]) {
        write(array.count)
        bytes += array
    }
}

/// Reads what a ``StateWriter`` wrote; `nil` where there is not enough.
private struct StateReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func byte() -> UInt8? { rest.popFirst() }

    mutating func int() -> Int? {
        guard rest.count >= 8 else { return nil }
        defer { rest = rest.dropFirst(8) }
        return rest.prefix(8).reduce(0) { $0 << 8 | Int($1) }
    }

    mutating func array() -> [UInt8]? {
        guard let count = int(), count >= 0, count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}
