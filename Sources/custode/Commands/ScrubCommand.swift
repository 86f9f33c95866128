import ArgumentParser
import CustodeCore
import Foundation
import PostgresClient

/// `custode scrub`.
struct ScrubCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scrub", abstract: "Reads objects and compares them with the checksums recorded when they came.",
        discussion: """
            It reports what is damaged or gone, a line each on stderr, and never repairs or removes anything.

            --json prints checked, damaged, missing, bytes. Exits 1 on damage or absence.
            """)

    @OptionGroup var options: SettingOptions
    @Option(help: "The most to read in a second, such as 50MB/s.") var rate: String?
    @Option(help: "A part of all objects: 1/30 is the first of thirty, today/30 another one each day.")
    var slice: String?
    @Flag(help: "Print one JSON object.") var json = false

    /// Reads a rate such as `50MB/s`.
    static func bytesPerSecond(_ text: String) throws -> Int64 {
        guard let bytes = Quantity.bytes(text.hasSuffix("/s") ? String(text.dropLast(2)) : text), bytes > 0 else {
            throw ValidationError("--rate: \(text) is not like 50MB/s")
        }
        return bytes
    }

    func run() async throws {
        let parts = Parts(try options.settings())
        let bound = try rate.map(Self.bytesPerSecond)
        let part = try slice.map { text in
            guard let slice = ObjectSlice(text, today: parts.clock.now()) else {
                throw ValidationError("--slice: \(text) is not like 1/30 or today/30")
            }
            return slice
        }
        let progress = ProgressLine(isSilent: json)
        let pool = try parts.collectionPool()
        let report = try await parts.withBucket { store, _ in
            let catalog = try await parts.collection(pool)
            let scrub = ScrubBucket(
                parts.collectionParts(catalog, store) { progress.show($0) }, hashing: OpenSSLHashing())
            return try await Interruptible.run {
                try await scrub(part ?? .all, rate: bound) { finding in
                    progress.finish()
                    Interruptible.complain("custode: \(finding.key): \(finding.sentence)")
                }
            }
        }
        await pool.close()
        progress.finish()
        if json {
            var line = JSONLine()
            line.add("checked", report.checked)
            line.add("damaged", report.damaged)
            line.add("missing", report.missing)
            line.add("bytes", report.bytes)
            print(line.text)
        } else {
            print("checked \(report.checked), damaged \(report.damaged), missing \(report.missing)")
        }
        if report.damaged + report.missing > 0 { throw ExitCode(1) }
    }
}
