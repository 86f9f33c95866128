import ContentSniffer
import Testing

@Suite("libmagic on threads of its own")
struct MagicSnifferTests {
    private static let answers: [(file: String, type: String)] = [
        ("tone.wav", "audio/x-wav"), ("bare.mp3", "audio/mpeg"), ("tone.flac", "audio/flac"),
        ("tone.ogg", "audio/ogg"), ("tone.opus", "audio/ogg"), ("tone.m4a", "audio/x-m4a"),
        ("tone.aac", "audio/x-hx-aac-adts"), ("clip.mp4", "video/mp4"), ("voice.webm", "video/webm"),
        ("voice.mka", "video/x-matroska"), ("tone.wma", "video/x-ms-asf"), ("clip.mov", "video/quicktime"),
        ("drawing.svg", "image/svg+xml"), ("paper.pdf", "application/pdf"), ("files.zip", "application/zip"),
        ("plain.txt", "application/octet-stream"),
    ]

    @Test("sixteen at a time, each gets its own answer, time and again")
    func concurrently() async throws {
        let samples = try await SampleTable.shared
        let sniffer = try MagicSniffer(threads: 4)
        let cases = try Self.answers.map { (try samples.bytes(of: $0.file), $0.file, $0.type) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (bytes, file, type) in cases {
                group.addTask {
                    for _ in 0..<50 {
                        let answer = try await sniffer.mimeType(of: bytes)
                        #expect(answer == type, "\(file)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test(
        "input that keeps the text tests of libmagic busy is answered within 50 ms",
        arguments: [10, 32, 9, 60])
    func busyInput(byte: UInt8) async throws {
        let sniffer = try MagicSniffer(threads: 1)
        let input = [UInt8](repeating: byte, count: 65536)
        _ = try await sniffer.mimeType(of: [])
        let fastest = try await fastestOfFive { _ = try await sniffer.mimeType(of: input) }
        #expect(fastest < .milliseconds(50))
    }

    @Test("no more than 4,096 bytes are looked at")
    func prefix() async throws {
        let sniffer = try MagicSniffer(threads: 1)
        let transport = [UInt8](repeating: 0x20, count: 4096) + Array("%PDF-1.4".utf8)
        #expect(try await sniffer.mimeType(of: transport) == "application/octet-stream")
        #expect(try await sniffer.mimeType(of: []) == "application/x-empty")
    }

    @Test("a database that is not there fails the start, not the first question")
    func missingDatabase() throws {
        let error = #expect(throws: SnifferError.self) {
            _ = try MagicSniffer(databasePath: "/nowhere/magic.mgc")
        }
        #expect(error?.code == .unavailable)
        #expect(error?.detail.contains("/nowhere/magic.mgc") == true)
    }

    @Test("after the shutdown every question is turned away, and a second shutdown does nothing")
    func stopped() async throws {
        let sniffer = try MagicSniffer()
        sniffer.shutdown()
        sniffer.shutdown()
        let error = await #expect(throws: SnifferError.self) { try await sniffer.mimeType(of: [1]) }
        #expect(error?.code == .stopped)
    }

    @Test("questions under way while the sniffer is shut down are answered or turned away, never lost")
    func stoppedUnderway() async throws {
        for _ in 0..<20 {
            let sniffer = try MagicSniffer(threads: 2)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        do throws(SnifferError) {
                            let answer = try await sniffer.mimeType(of: Array("%PDF-1.4".utf8))
                            #expect(answer == "application/pdf")
                        } catch {
                            #expect(error.code == .stopped)
                        }
                    }
                }
                group.addTask { sniffer.shutdown() }
            }
        }
    }

    @Test("a cancelled task gets an answer or hears of it, and the others go on")
    func cancelled() async throws {
        let sniffer = try MagicSniffer(threads: 1)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    do throws(SnifferError) {
                        return try await sniffer.mimeType(of: Array("%PDF-1.4".utf8)) == "application/pdf"
                    } catch {
                        return error.code == .cancelled
                    }
                }
            }
            group.cancelAll()
            for await isSound in group { #expect(isSound) }
        }
        #expect(try await sniffer.mimeType(of: Array("%PDF-1.4".utf8)) == "application/pdf")
    }

    private func fastestOfFive(_ body: () async throws -> Void) async throws -> Duration {
        var fastest = Duration.seconds(60)
        for _ in 0..<5 { fastest = min(fastest, try await ContinuousClock().measure(body)) }
        return fastest
    }
}
