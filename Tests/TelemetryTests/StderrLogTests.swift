import Foundation
import Logging
import Telemetry
import Testing

@Suite("log lines")
struct StderrLogTests {
    /// What a client may put into a header or a path to look like a line of ours.
    private static let forgeries = [
        "a\nforged", "a\r\nforged", "\n", "\r", "\u{B}\u{C}", "\0", "a\u{1B}[2J\u{1B}]0;title\u{7}", "\u{7F}",
        "\n\u{301}", "\"\u{301}", "\\\u{301}", "\",\"level\":\"critical\",\"x\":\"", "\\", "\\\"", "\\n", "👍", "é",
    ]

    /// The lines that a body writes to standard error, in a process of its own.
    private func lines(_ result: ExitTest.Result) -> [String] {
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        return text.split(separator: Character("\n"), omittingEmptySubsequences: true).map(String.init)
    }

    private func objects(_ result: ExitTest.Result) throws -> [[String: String]] {
        let raw = result.standardErrorContent.split(separator: 0x0A)
        return try raw.filter { $0.first == UInt8(ascii: "{") }.map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: String])
        }
    }

    @Test("a JSON line is one object on one line, whatever message, names and values hold")
    func json() async throws {
        let result = try await #require(processExitsWith: .success, observing: [\.standardErrorContent]) {
            var log = StderrLog(label: "test", format: .json, level: .info)
            log[metadataKey: "always"] = "there"
            let logger = Logger(label: "test") { [log] _ in log }
            for text in Self.forgeries {
                logger.warning("\(text)", metadata: ["value": "\(text)", "n\(text)": "x"])
            }
        }
        let objects = try objects(result)
        #expect(objects.count == Self.forgeries.count)
        #expect(result.standardErrorContent.count { $0 == 0x0A } >= Self.forgeries.count)
        for (object, text) in zip(objects, Self.forgeries) {
            #expect(object["message"].map { Array($0.utf8) } == Array(text.utf8))
            #expect(object["value"].map { Array($0.utf8) } == Array(text.utf8))
            #expect(object["level"] == "warning" && object["always"] == "there")
            #expect(object["time"]?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
        }
    }

    @Test("a text line is one line without controls, whatever message and values hold")
    func text() async throws {
        let result = try await #require(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let logger = Logger(label: "test") { StderrLog(label: $0, format: .text, level: .info) }
            for text in Self.forgeries { logger.error("begin \(text)", metadata: ["value": "\(text) end"]) }
        }
        let ours = lines(result).filter { $0.contains(" ERROR begin ") }
        #expect(ours.count == Self.forgeries.count)
        for line in ours {
            #expect(line.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
            #expect(line.hasSuffix(" end\""))
            #expect(line.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ERROR begin .* value=".* end"/) != nil)
        }
        #expect(!lines(result).contains { $0.hasPrefix("forged") })
    }

    @Test("no control of the upper half, and nothing that turns the writing around, reaches a terminal")
    func textWithoutTerminalControls() async throws {
        let result = try await #require(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let logger = Logger(label: "test") { StderrLog(label: $0, format: .text, level: .info) }
            logger.error("begin \u{9B}2J\u{85}\u{2028}\u{202E}end")
        }
        let line = try #require(lines(result).first { $0.contains("begin") })
        for scalar in line.unicodeScalars {
            #expect(
                ![.control, .format, .lineSeparator].contains(scalar.properties.generalCategory), "\(scalar.value)")
        }
    }

    @Test("what lies below the level is not written")
    func level() async throws {
        let result = try await #require(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let logger = Logger(label: "test") { StderrLog(label: $0, format: .json, level: .warning) }
            logger.info("quiet")
            logger.warning("loud")
        }
        #expect(try objects(result).map { $0["message"] } == ["loud"])
    }

    @Test("a line's own facts win over the task's, and these over the log's")
    func precedence() async throws {
        let result = try await #require(processExitsWith: .success, observing: [\.standardErrorContent]) {
            var log = StderrLog(label: "test", format: .json, level: .info)
            log.metadataProvider = Logger.MetadataProvider { ["a": "task", "b": "task"] }
            log.metadata = ["a": "log", "b": "log", "c": "log"]
            Logger(label: "test") { [log] _ in log }.info("x", metadata: ["a": "line"])
        }
        let object = try #require(try objects(result).first)
        #expect(object["a"] == "line" && object["b"] == "task" && object["c"] == "log")
    }

    @Test("in a text line no value can be taken for another fact")
    func textFacts() async throws {
        let result = try await #require(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let logger = Logger(label: "test") { StderrLog(label: $0, format: .text, level: .info) }
            for value in ["u2 event=object.deleted", "a=b", "a\"b", "", "plain", "ä|b/c"] {
                logger.info("x", metadata: ["value": "\(value)"])
            }
        }
        let values = lines(result).compactMap { $0.split(separator: " value=", maxSplits: 1).last }
        #expect(
            values == [
                #""u2 event=object.deleted""#, #""a=b""#, #""a\"b""#, #""""#, "plain", "ä|b/c",
            ])
    }
}
