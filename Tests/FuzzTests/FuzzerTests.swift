import CustodeTesting
import Foundation
import Glibc
import Testing

@Suite("what a fuzzer finds", .serialized)
struct FuzzerTests {
    private static func fuzzer(_ name: String) -> Fuzzer {
        var fuzzer = Fuzzer("self-\(name)", texts: ["bytes=0-9", "bytes=-5", "bytes=3-"], tokens: ["=", "-", ","])
        fuzzer.time = .seconds(10)
        return fuzzer
    }

    @Test("a fault that three bytes in a row set off is found, and by its seed found again")
    func planted() async throws {
        let fault: [UInt8] = [0x2D, 0xFF, 0x39]
        func parse(_ bytes: [UInt8]) throws {
            for start in bytes.indices.dropLast(2) where bytes[start...].starts(with: fault) { throw Broken("planted") }
        }
        let fuzzer = Self.fuzzer("planted")
        func find() async throws -> FuzzFailure {
            try await #require(throws: FuzzFailure.self) { try await fuzzer.run { try parse($0.bytes) } }
        }
        let found = try await find()
        let again = try await find()
        #expect(found.reason == "planted" && found.seed == fuzzer.seed)
        #expect(again.bytes == found.bytes && again.number == found.number)
        #expect(
            FileManager.default.contents(atPath: FuzzJournal.path(of: fuzzer.target)).map(Array.init) == found.bytes)
        unlink(FuzzJournal.path(of: fuzzer.target))
    }

    @Test("a process that crashes leaves the input behind that it crashed on")
    func crash() async throws {
        await #expect(processExitsWith: .signal(SIGKILL)) {
            // As a trap would, without its minutes of backtrace.
            try await Self.fuzzer("crash").run { trial in
                if trial.bytes.count > 12 { kill(getpid(), SIGKILL) }
            }
        }
        let path = FuzzJournal.path(of: "self-crash")
        #expect((FileManager.default.contents(atPath: path)?.count ?? 0) > 12)
        unlink(path)
    }

    @Test("an input that takes longer than it may is found")
    func slow() async throws {
        var fuzzer = Self.fuzzer("slow")
        fuzzer.patience = .milliseconds(200)
        let found = try await #require(throws: FuzzFailure.self) {
            // The slow reader that is to be found.
            try await fuzzer.run { if $0.bytes.count > 12 { usleep(300_000) } }
        }
        #expect(found.reason.hasPrefix("it took"))
        unlink(FuzzJournal.path(of: fuzzer.target))
    }

    @Test("a target that keeps its rules is tried many times, and leaves no input behind")
    func sound() async throws {
        var fuzzer = Self.fuzzer("sound")
        fuzzer.time = .milliseconds(200)
        #expect(try await fuzzer.run { _ in } > 100)
        #expect(!FileManager.default.fileExists(atPath: FuzzJournal.path(of: fuzzer.target)))
    }
}
