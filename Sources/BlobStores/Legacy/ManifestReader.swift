internal import CustodeCore
internal import Foundation
internal import Glibc

/// What one line of a manifest says.
struct ManifestLine: Equatable {
    let source: String
    let claim: LegacyClaim

    private static let bucketPrefix = "bucket:"

    /// The key, if the source is one of the bucket.
    var bucketKey: String? {
        guard source.utf8.starts(with: Self.bucketPrefix.utf8) else { return nil }
        return String(Substring(source.utf8.dropFirst(Self.bucketPrefix.utf8.count)))
    }

    /// - Throws: ``LegacySourceFault`` that says what is wrong with it.
    init(source: String?, job: String?, object: String?, filename: String?) throws(LegacySourceFault) {
        guard let source, !source.isEmpty, !source.utf8.contains(0) else {
            throw LegacySourceFault("source is missing")
        }
        guard let job = job.flatMap(JobID.init) else { throw LegacySourceFault("job_id is missing") }
        guard let object = object.flatMap(ObjectName.init) else {
            throw LegacySourceFault(
                "object is \(object.map { "\"\($0)\"" } ?? "missing"); it is input, or a kind of artifact")
        }
        let filename = filename.flatMap { $0.isEmpty ? nil : $0 }
        if let filename, !LegacyClaim.isFilename(filename) {
            throw LegacySourceFault("filename is no name of a file, of at most 255 bytes")
        }
        self.source = source
        claim = LegacyClaim(job: job, object: object, filename: filename)
        if let key = bucketKey, !LegacyClaim.isKey(key) {
            throw LegacySourceFault("source is bucket: and no key that may be migrated")
        }
    }
}

/// Reads a manifest line by line; what is wrong is told all at once, at its end.
final class ManifestReader {
    /// How many faults are told.
    private static let faultsTold = 20
    private static let names = ["source", "job_id", "object", "filename"]

    private struct JSONRow: Decodable {
        let source: String?
        let job_id: Value?
        let object: String?
        let filename: String?

        /// Ids may be numbers.
        struct Value: Decodable {
            let text: String

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let number = try? container.decode(Int64.self) {
                    text = String(number)
                } else {
                    text = try container.decode(String.self)
                }
            }
        }
    }

    private let records: TextRecords
    private let isJSON: Bool
    private let decoder = JSONDecoder()
    private var columns: [Int?]?
    private var faults: [String] = []
    private var faultCount = 0

    /// - Throws: ``LegacySourceFault`` if it cannot be opened.
    init(path: String, isJSON: Bool) throws(LegacySourceFault) {
        records = try TextRecords(path: path, isCSV: !isJSON)
        self.isJSON = isJSON
    }

    /// The next line that is sound; `nil` after the last.
    ///
    /// - Throws: ``LegacySourceFault`` at the end, if any line was not.
    func next() throws(LegacySourceFault) -> ManifestLine? {
        while let record = try records.next() {
            do throws(LegacySourceFault) {
                if let line = try isJSON ? json(record) : csv(record) { return line }
            } catch {
                faultCount += 1
                if faults.count < Self.faultsTold { faults.append("line \(record.line): \(error)") }
            }
        }
        guard faultCount > 0 else { return nil }
        let rest = faultCount - faults.count
        throw LegacySourceFault(
            "the manifest is not sound, and nothing was done with it:\n  " + faults.joined(separator: "\n  ")
                + (rest > 0 ? "\n  and \(rest) more" : ""))
    }

    private func json(_ record: TextRecords.Record) throws(LegacySourceFault) -> ManifestLine? {
        let text = record.fields[0]
        if text.allSatisfy(\.isWhitespace) { return nil }
        let row: JSONRow
        do {
            row = try decoder.decode(JSONRow.self, from: Data(text.utf8))
        } catch {
            throw LegacySourceFault("it is no JSON object with source, job_id, object and perhaps filename")
        }
        return try ManifestLine(source: row.source, job: row.job_id?.text, object: row.object, filename: row.filename)
    }

    private func csv(_ record: TextRecords.Record) throws(LegacySourceFault) -> ManifestLine? {
        let fields = record.fields
        if fields == [""] { return nil }
        guard let columns else {
            // A first record that names columns is a header, in any order; without one the order is the usual.
            let header = fields.map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
            if header.contains("source") {
                columns = Self.names.map { header.firstIndex(of: $0) }
                for name in Self.names.prefix(3) where !header.contains(name) {
                    throw LegacySourceFault("the header names no \(name)")
                }
                return nil
            }
            columns = Self.names.indices.map { $0 }
            return try csv(record)
        }
        let values = columns.map { column in column.flatMap { $0 < fields.count ? fields[$0] : nil } }
        return try ManifestLine(source: values[0], job: values[1], object: values[2], filename: values[3])
    }
}
