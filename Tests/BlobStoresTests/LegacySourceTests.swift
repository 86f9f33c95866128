import CustodeCore
import CustodeTesting
import Foundation
import NIOPosix
import Testing

@testable import BlobStores

@Suite("Sources of files from before")
struct LegacySourceTests {
    private func manifest(_ text: String, _ name: String = "m.csv") throws -> (TestFolder, String) {
        let folder = try TestFolder()
        let path = folder.path + "/" + name
        try Data(text.utf8).write(to: URL(filePath: path))
        return (folder, path)
    }

    private func records(_ text: String, isCSV: Bool = true) throws -> [[String]] {
        let (folder, path) = try manifest(text)
        defer { folder.remove() }
        let records = try TextRecords(path: path, isCSV: isCSV)
        var all: [[String]] = []
        while let record = try records.next() { all.append(record.fields) }
        return all
    }

    @Test(
        "CSV is read as RFC 4180 says: quotes, commas and line ends in fields, either line end, a last line without one"
    )
    func csv() throws {
        #expect(try records("a,b\r\nc,d") == [["a", "b"], ["c", "d"]])
        #expect(try records("\"a,\"\"b\"\"\",\"c\r\nd\"\n,\n") == [["a,\"b\"", "c\r\nd"], ["", ""]])
        #expect(try records("\u{FEFF}a,b\n") == [["a", "b"]])
        // A carriage return in quotes is content, and none of the line's end.
        #expect(try records("a,\"b\r\"\n\"c\r\"\r\n\"\r\"") == [["a", "b\r"], ["c\r"], ["\r"]])
        #expect(try records("") == [])
        #expect(try records("\n") == [[""]])
        #expect(try records("a\"b,c\n") == [["a\"b", "c"]])
        #expect(throws: LegacySourceFault.self) { try records("\"a,b\n") }
        #expect(throws: LegacySourceFault.self) { try records(String(repeating: "a", count: 2 << 20)) }
        let (folder, path) = try manifest("")
        defer { folder.remove() }
        try Data([0x61, 0xFF, 0x0A]).write(to: URL(filePath: path))
        let broken = try TextRecords(path: path, isCSV: true)
        #expect(throws: LegacySourceFault.self) { try broken.next() }
    }

    private func lines(_ text: String, isJSON: Bool = false) throws -> [ManifestLine] {
        let (folder, path) = try manifest(text)
        defer { folder.remove() }
        let reader = try ManifestReader(path: path, isJSON: isJSON)
        var all: [ManifestLine] = []
        while let line = try reader.next() { all.append(line) }
        return all
    }

    @Test("a manifest may have a header, in any order, or none")
    func headers() throws {
        let plain = try lines("a.wav,17,input,Talk.wav\nb.txt,18,transcript\n")
        #expect(plain.map(\.source) == ["a.wav", "b.txt"])
        #expect(plain[0].claim.filename == "Talk.wav" && plain[1].claim.filename == nil)
        #expect(try lines("object, job_id ,SOURCE,note\ninput,17,a.wav,x\n\n") == [try plain[0].unnamed])
        let fault = #expect(throws: LegacySourceFault.self) { try lines("source,job\na,b\n") }
        #expect(fault?.description.contains("the header names no job_id") == true)
    }

    @Test("JSON lines may name jobs by numbers, and leave lines empty")
    func json() throws {
        let text = #"{"source":"a.wav","job_id":17,"object":"input"}"# + "\n\n"
        #expect(try lines(text, isJSON: true).map(\.claim.job.text) == ["17"])
        for bad in ["[]", "{", #"{"source":"a","job_id":1.5,"object":"input"}"#, #"{"source":"a","object":"input"}"#] {
            #expect(throws: LegacySourceFault.self) { try lines(bad, isJSON: true) }
        }
    }

    @Test("all faults of a manifest are told at once, with their lines, and no more than can be read")
    func faults() throws {
        let bad = (0..<30).map { _ in "a.wav,17,NOT AN OBJECT" }.joined(separator: "\n")
        let fault = #expect(throws: LegacySourceFault.self) { try lines("a.wav,17,input\n" + bad) }
        let text = fault?.description ?? ""
        #expect(text.contains("line 2:") && text.contains("line 21:") && !text.contains("line 22:"))
        #expect(text.contains("and 10 more"))
        for line in [
            "bucket:,17,input", "bucket:a//b,17,input", "bucket:.trash/x,17,input", "bucket:../x,17,input",
            "a.wav,17,input,a/b", ",17,input", "a.wav,,input",
        ] {
            #expect(throws: LegacySourceFault.self, "\(line)") { try lines(line) }
        }
    }

    @Test("a folder is told whole: what is no file as such, what was set aside not at all")
    func folder() async throws {
        let folder = try TestFolder()
        let files = FileManager.default
        for path in ["a/b", ".trash/x", "a/.trash"] {
            try files.createDirectory(atPath: folder.path + "/" + path, withIntermediateDirectories: true)
        }
        for name in ["a/b/c.wav", ".trash/x/d.wav", "a/.trash/e.wav", ".hidden", "caf\u{E9}", "cafe\u{301}"] {
            #expect(files.createFile(atPath: folder.path + "/" + name, contents: Data([1, 2])))
        }
        try files.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: "/etc")
        let threads = NIOThreadPool.singleton
        let source = try FolderSource(path: folder.path + "/", threads: threads)
        #expect(source.name == "dir:\(folder.path)")
        let listing = try await source.files()
        var found: [String: MigrationDecision?] = [:]
        while let page = try await listing.next() {
            for file in page { found[Data(file.name.utf8).base64EncodedString()] = .some(file.fault) }
        }
        let names = ["a/b/c.wav", "a/.trash/e.wav", ".hidden", "caf\u{E9}", "cafe\u{301}", "link"]
        #expect(Set(found.keys) == Set(names.map { Data($0.utf8).base64EncodedString() }))
        #expect(found[Data("link".utf8).base64EncodedString()] == .notAFile)
    }

    @Test("many files in one folder come in pages, and a folder that goes meanwhile is passed over")
    func pages() async throws {
        let folder = try TestFolder()
        for number in 0..<5_000 {
            #expect(FileManager.default.createFile(atPath: folder.path + "/\(number)", contents: nil))
        }
        let listing = try await FolderSource(path: folder.path, threads: .singleton).files()
        var (pages, count) = (0, 0)
        while let page = try await listing.next() {
            pages += 1
            count += page.count
            #expect(page.count <= FolderWalk.pageSize)
        }
        #expect(count == 5_000 && pages == 3)
    }
}

extension ManifestLine {
    /// The same without a name.
    fileprivate var unnamed: ManifestLine {
        get throws {
            try ManifestLine(source: source, job: claim.job.text, object: claim.object.text, filename: nil)
        }
    }
}
