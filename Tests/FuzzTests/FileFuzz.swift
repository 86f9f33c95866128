import CustodeCore
import CustodeTesting
import Foundation
import Testing

@testable import BlobStores
@testable import Identity

@Suite("fuzzing files that operators write", .serialized)
struct FileFuzz {
    private static func records(_ bytes: [UInt8], in path: String, isCSV: Bool) throws -> [[String]] {
        try Data(bytes).write(to: URL(filePath: path))
        let reader = try TextRecords(path: path, isCSV: isCSV)
        var records: [[String]] = []
        while let record = try reader.next() { records.append(record.fields) }
        return records
    }

    @Test("records of CSV come back as they were written, and a manifest of any kind is lines or a fault")
    func manifests() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let path = folder.path + "/manifest"
        let fuzzer = Fuzzer(
            "manifests",
            texts: [
                "source,job_id,object,filename\n/a/b.wav,42,input,b.wav\n",
                "/a,42,input\r\n\"b,\"\"c\",43,transcript,\"\n\"\n",
                "{\"source\":\"/a\",\"job_id\":42,\"object\":\"input\"}\n\n{\"source\":\"bucket:k\",\"job_id\":\"x\",\"object\":\"srt\"}",
                "object,source,job_id\ninput,bucket:users/../a,42\n", "\u{FEFF}source,job_id,object\n",
                "\"never closed",
            ],
            tokens: [
                "\"", "\"\"", ",", "\n", "\r\n", "\r", "bucket:", "source", "input", "42", "..", "\u{FEFF}", "{", "}",
            ])
        try await fuzzer.run { trial in
            var random = trial.random
            try Data(trial.bytes).write(to: URL(filePath: path))
            do throws(LegacySourceFault) {
                let reader = try ManifestReader(path: path, isJSON: Bool.random(using: &random))
                while let line = try reader.next() { try Self.check(line) }
            } catch {
                try hold(!"\(error)".isEmpty, "a fault says why")
            }
            guard let text = String(validating: trial.bytes, as: UTF8.self) else { return }
            // By bytes: a character may be a quote and what is combined with it.
            let doubled = text.utf8.flatMap { $0 == 0x22 ? [$0, $0] : [$0] }
            let quoted = "\"" + String(decoding: doubled, as: UTF8.self) + "\""
            let read = try Self.records(Array("a,\(quoted),b\n\(quoted)\r\n\(quoted)".utf8), in: path, isCSV: true)
            try hold(
                read.map { $0.map { Array($0.utf8) } }
                    == [["a", text, "b"], [text], [text]].map { $0.map { Array($0.utf8) } },
                "\(read) is what was written")
        }
    }

    private static func check(_ line: ManifestLine) throws(LegacySourceFault) {
        let name = line.claim.filename ?? "a"
        guard !line.source.isEmpty, (1...255).contains(name.utf8.count), !name.utf8.contains(0x2F) else {
            preconditionFailure("a line of a manifest names a source and a file")
        }
    }

    @Test("of a file of service keys each line is read as it stands, or the file is refused")
    func serviceKeys() async throws {
        let key = ServiceKey(id: "api", grants: ["delegate"])
        let line = key.line.replacing("\n", with: "")
        let fuzzer = Fuzzer(
            "service-keys",
            texts: [
                line, "# keys\n\(line)\n\(ServiceKey(id: "w.1", grants: ["delegate", "artifacts"]).line)", "", "a:b:c",
                "\r\n \(line)\r\n",
            ],
            tokens: [":", ",", "\n", "#", "delegate", "artifacts", "\r", " ", "api", "\u{2028}", "\u{85}", "A"])
        try await fuzzer.run { trial in
            guard let keys = try? ServiceKeys(file: trial.text) else { return }
            let lines = trial.text.split(whereSeparator: \.isNewline).count
            try hold(keys.count <= lines, "\(keys.count) keys of \(lines) lines")
            for text in [key.text, trial.text, "cus__", "cus_api_", ServiceKeys.prefix + trial.text] {
                guard let entry = keys.recognise(text) else { continue }
                try hold(text == key.text && entry.id == "api" && !entry.grants.isEmpty, "only the key itself is known")
                // Spaces and capitals do not change what a line says.
                let squeezed = trial.text.lowercased().filter { $0 != " " && $0 != "\t" }
                try hold(squeezed.contains(SHA256.hex(Array(key.text.utf8))), "its hash stands there")
            }
        }
    }
}
