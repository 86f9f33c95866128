import CustodeCore
import Foundation

/// What `scripts/make-samples` wrote: the files, and what the service has to say to each.
struct SampleTable: Sendable {
    struct Row: Sendable, CustomStringConvertible {
        let file: String
        let claim: String?
        let object: String
        let job: String
        let answer: Int
        let stored: String?

        var description: String { "\(file) as \(claim ?? "nothing") for \(object) of \(job)" }

        var isTextual: Bool { object != "input" }

        var accepted: Set<MediaFamily> {
            switch (object, job) {
            case ("input", "translation"): Set(MediaFamily.allCases)
            case ("input", _): [.audio, .video]
            case ("transcript", _): [.text]
            case ("srt", _): [.subtitles, .text]
            default: [.json, .text]
            }
        }

        /// The type that a policy would give such an object of text.
        var kindType: String {
            switch object {
            case "srt": "application/x-subrip"
            case "json": "application/json"
            default: "text/plain"
            }
        }
    }

    struct Unmade: Error {
        let what: String
    }

    let files: [String: [UInt8]]
    let rows: [Row]

    // Made once for all tests of the process.
    private static let making = Task { try await make() }

    static var shared: SampleTable {
        get async throws { try await making.value }
    }

    func bytes(of file: String) throws -> [UInt8] {
        guard let bytes = files[file] else { throw Unmade(what: file) }
        return bytes
    }

    private static func make() async throws -> SampleTable {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../scripts/make-samples")
        let name = "custode-samples-\(UUID().uuidString)"
        let folder = FileManager.default.temporaryDirectory.appending(path: name)
        defer { try? FileManager.default.removeItem(at: folder) }
        let process = Process()
        process.executableURL = script.standardizedFileURL
        process.arguments = [folder.path]
        let status = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        guard status == 0 else { throw Unmade(what: "make-samples ended with \(status)") }
        let table = try String(contentsOf: folder.appending(path: "expected.tsv"), encoding: .utf8)
        let rows = table.split(separator: "\n").map { line in
            let cells = line.split(separator: "\t").map(String.init)
            return Row(
                file: cells[0], claim: cells[1] == "-" ? nil : cells[1], object: cells[2], job: cells[3],
                answer: Int(cells[4]) ?? 0, stored: cells[5] == "-" ? nil : cells[5])
        }
        var files: [String: [UInt8]] = [:]
        for file in Set(rows.map(\.file)) {
            files[file] = [UInt8](try Data(contentsOf: folder.appending(path: file)))
        }
        return SampleTable(files: files, rows: rows)
    }
}
