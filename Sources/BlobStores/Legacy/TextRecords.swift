internal import CustodeCore
internal import Glibc

/// Reads the records of a text file: lines, or those of CSV, in which a quoted field may hold line ends (RFC 4180).
final class TextRecords {
    /// One record, and the line on which it begins.
    struct Record {
        let line: Int
        /// The fields; a line that is not of CSV has one.
        let fields: [String]
    }

    /// No record may be longer.
    private static let longest = 1 << 20

    private let descriptor: Int32
    private let isCSV: Bool
    private var buffer = [UInt8](repeating: 0, count: 256 * 1_024)
    private var place = 0
    private var end = 0
    private var line = 1

    /// - Throws: ``LegacySourceFault`` if it cannot be opened.
    init(path: String, isCSV: Bool) throws(LegacySourceFault) {
        descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        self.isCSV = isCSV
        guard descriptor >= 0 else { throw LegacySourceFault("\(path): \(String(cString: strerror(errno)))") }
        // A mark of the byte order is no part of the first name.
        if try peek() != nil, buffer[..<min(3, end)].elementsEqual([0xEF, 0xBB, 0xBF]) { place = 3 }
    }

    deinit { if descriptor >= 0 { _ = Glibc.close(descriptor) } }

    /// The next record; `nil` after the last.
    ///
    /// - Throws: ``LegacySourceFault`` if the file cannot be read, is no UTF-8, or ends within quotes.
    func next() throws(LegacySourceFault) -> Record? {
        guard try peek() != nil else { return nil }
        let first = line
        var fields: [String] = []
        var field: [UInt8] = []
        // Of the field, what stood in quotes: a line end there is no line's end.
        var quoted = 0
        var length = 0
        func fault(_ text: String) -> LegacySourceFault { LegacySourceFault("line \(first): \(text)") }
        func closeField() throws(LegacySourceFault) {
            guard let text = String(validating: field, as: UTF8.self) else { throw fault("it is not UTF-8") }
            fields.append(text)
            field.removeAll(keepingCapacity: true)
            quoted = 0
        }
        func closeRecord() throws(LegacySourceFault) {
            if field.count > quoted, field.last == 0x0D { field.removeLast() }
            try closeField()
        }
        var isQuoted = false
        while let byte = try take() {
            length += 1
            guard length <= Self.longest else { throw fault("it is longer than any line may be") }
            switch byte {
            case 0x22 where isCSV && isQuoted:
                if try peek() == 0x22 {
                    _ = try take()
                    field.append(byte)
                } else {
                    isQuoted = false
                    quoted = field.count
                }
            case 0x22 where isCSV && field.isEmpty: isQuoted = true
            case 0x2C where isCSV && !isQuoted: try closeField()
            case 0x0A where !isQuoted:
                try closeRecord()
                return Record(line: first, fields: fields)
            default: field.append(byte)
            }
        }
        guard !isQuoted else { throw fault("a quote is never closed") }
        try closeRecord()
        return Record(line: first, fields: fields)
    }

    private func peek() throws(LegacySourceFault) -> UInt8? {
        if place == end { try fill() }
        return place < end ? buffer[place] : nil
    }

    private func take() throws(LegacySourceFault) -> UInt8? {
        guard let byte = try peek() else { return nil }
        place += 1
        if byte == 0x0A { line += 1 }
        return byte
    }

    private func fill() throws(LegacySourceFault) {
        let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else {
            throw LegacySourceFault("the manifest cannot be read: \(String(cString: strerror(errno)))")
        }
        (place, end) = (0, count)
    }
}
