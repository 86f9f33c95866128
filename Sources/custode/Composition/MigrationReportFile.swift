import CustodeCore
import Foundation
import Synchronization

/// The report of a migration: a file of JSON lines, one for each file that was found.
final class MigrationReportFile: Sendable {
    private static let flushAt = 256 * 1_024

    /// Where it is.
    var path: String { place.withLock { $0 } }
    private let place: Mutex<String>
    private let handle: FileHandle
    private let waiting = Mutex<[UInt8]>([])

    /// - Parameter path: Replaced if it is there.
    /// - Throws: ``CommandFailure`` if it cannot be written.
    init(path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw CommandFailure(description: "cannot write the report \(path); choose another by --report") }
        place = Mutex(path)
        self.handle = handle
    }

    /// Adds a line.
    func add(_ record: MigrationRecord) throws {
        var line = JSONLine()
        line.add("source", record.source)
        line.add("decision", record.decision.rawValue)
        line.add("job", record.job?.text)
        line.add("object", record.object?.text)
        line.add("size", record.size)
        line.add("key", record.key)
        line.add("sha256", record.sha256?.hex)
        line.add("detail", record.detail)
        try waiting.withLock { waiting in
            waiting += Array(line.text.utf8) + [0x0A]
            if waiting.count >= Self.flushAt { try flush(&waiting) }
        }
    }

    /// Writes out what waits.
    ///
    /// - Parameter run: The run whose name the file is to have from now on, beside where it is.
    func finish(as run: String?) throws {
        try waiting.withLock { try flush(&$0) }
        guard let run else { return }
        try place.withLock { path in
            let named = (path as NSString).deletingLastPathComponent + "/migrate-\(run).jsonl"
            guard unsafe rename(path, named) == 0 else {
                throw CommandFailure(description: "cannot name the report \(named)")
            }
            path = named
        }
    }

    private func flush(_ waiting: inout [UInt8]) throws {
        try handle.write(contentsOf: waiting)
        waiting.removeAll(keepingCapacity: true)
    }
}
