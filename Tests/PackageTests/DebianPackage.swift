import CustodeTesting
import Foundation

/// The package to test, made by `scripts/package` and named by `CUSTODE_TEST_PACKAGE`.
enum DebianPackage {
    /// Its path, or nil if none was made.
    static let path: String? = {
        let named = ProcessInfo.processInfo.environment["CUSTODE_TEST_PACKAGE"] ?? ""
        return named.isEmpty ? nil : named
    }()

    /// Something it installs.
    struct Entry {
        /// The absolute path, folders without a trailing slash.
        let path: String
        /// The mode as `ls` writes it.
        let mode: String
        /// The owner and the group, with a slash between.
        let owner: String
    }

    /// All it installs.
    static func entries() async throws -> [Entry] {
        let listing = try await Command.succeed("/usr/bin/dpkg-deb", ["--contents", path ?? ""])
        return try listing.split(separator: "\n").map { line in
            // drwxr-xr-x root/root         0 2026-01-01 00:00 ./usr/
            guard let parts = line.wholeMatch(of: /(\S+) (\S+) +\d+ \S+ \S+ \.(\/.*?)\/?/) else {
                throw HarnessError("dpkg-deb says \(line)")
            }
            return Entry(path: String(parts.3), mode: String(parts.1), owner: String(parts.2))
        }.filter { !$0.path.isEmpty }
    }

    /// A field of its control file.
    static func field(_ name: String) async throws -> String {
        try await Command.succeed("/usr/bin/dpkg-deb", ["--field", path ?? "", name])
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// A fresh folder with what it installs.
    static func extracted() async throws -> TestFolder {
        let folder = try TestFolder()
        try await Command.succeed("/usr/bin/dpkg-deb", ["--extract", path ?? "", folder.path])
        return folder
    }
}
