import CustodeTesting
import Foundation
import Glibc
import Testing

extension Tag {
    /// Takes more than five seconds by its nature.
    @Tag static var slow: Self
}

extension Duration {
    static func hours(_ hours: Double) -> Duration { .seconds(hours * 3_600) }
    static func days(_ days: Double) -> Duration { .hours(days * 24) }
}

/// One moment and others at exact distances from it, spelled for `--now`.
struct Calendar {
    /// The present, without its fraction of a second.
    let start = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded(.down))

    /// The moment that is this long after the start.
    func after(_ time: Duration) -> String {
        start.addingTimeInterval(Double(time.components.seconds)).formatted(.iso8601)
    }

    /// The day by UTC of the moment that is this long after the start, as it stands in quarantine.
    func day(after time: Duration) -> String {
        String(after(time).prefix(10))
    }
}

/// Everything that can be seen of a folder's entries without reading them.
struct Inventory: Equatable, CustomStringConvertible {
    // By the bytes of their names: texts that differ only in their normalization are equal.
    private var entries: [[UInt8]: String] = [:]

    /// Of what is below the folder, folders and times of change included.
    init(_ root: String, where isWanted: (String) -> Bool = { _ in true }) {
        for name in (FileManager.default.enumerator(atPath: root)?.allObjects as? [String] ?? []) + ["."]
        where isWanted(name) {
            var info = stat()
            guard lstat(root + "/" + name, &info) == 0 else { continue }
            // The time of change cannot be set by anybody, and tells of every rename, link and rewriting.
            entries[Array(name.utf8)] =
                "\(info.st_mode) \(info.st_ino) \(info.st_size) \(info.st_nlink)"
                + " \(info.st_mtim.tv_sec).\(info.st_mtim.tv_nsec) \(info.st_ctim.tv_sec).\(info.st_ctim.tv_nsec)"
        }
    }

    /// How many entries there are.
    var count: Int { entries.count }

    var description: String {
        entries.map { "\(String(decoding: $0.key, as: UTF8.self)): \($0.value)" }.sorted().joined(separator: "\n")
    }
}

extension World {
    /// Every row of these tables, as text, in order.
    func dump(_ tables: [String]) async throws -> [String: [String?]] {
        var rows: [String: [String?]] = [:]
        for table in tables {
            rows[table] = try await database.sql("select t::text from \(table) t order by 1").map { $0.first ?? nil }
        }
        return rows
    }

    /// Expects of an object that it is in one of these states, naming it if not.
    func expect(_ place: Whereabouts, of key: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(whereabouts(key) == place, "\(key)", sourceLocation: sourceLocation)
    }
}
