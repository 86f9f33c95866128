import ContentSniffer
import CustodeCore
import Testing

@Suite("samples, sniffed and judged")
struct SampleTests {
    @Test("every sample gets the answer of the table, however its body is cut", arguments: [1, 7, 65536])
    func table(chunk: Int) async throws {
        let samples = try await SampleTable.shared
        let sniffer = try MagicSniffer()
        #expect(samples.rows.count > 500)
        for row in samples.rows {
            let bytes = try samples.bytes(of: row.file)
            // A megabyte byte by byte, in every role, says no more than one of its first roles does.
            if chunk < 8, bytes.count > 400_000, row.claim != nil { continue }
            let judgement = try await SampleJudgement(row, bytes, chunk: chunk, sniffer)
            switch judgement.outcome {
            case .success(let type):
                #expect(row.answer == 201, "\(row) passed as \(type)")
                #expect(type == row.stored, "\(row)")
            case .failure(let refusal):
                #expect(row.answer == 415, "\(row) was refused: \(refusal)")
            }
            #expect(judgement.held <= 68 * 1024 + 2 * chunk, "\(row) held \(judgement.held) bytes back")
        }
    }

    @Test("a refusal names the claim and the finding")
    func names() async throws {
        #expect(
            try await refusal("html.mp3", "audio/mpeg")
                == .typeMismatch(claimed: "audio/mpeg", found: "text/html"))
        #expect(try await refusal("paper.pdf", nil) == .typeNotAccepted(found: "application/pdf"))
        #expect(
            try await refusal("paper.pdf", "application/pdf") == .typeNotAccepted(found: "application/pdf"))
        #expect(try await refusal("tag-html.mp3", "audio/mpeg") == .emptyTag)
        #expect(try await refusal("tag-past-end.mp3", nil) == .emptyTag)
        #expect(try await refusal("long-tag-html.mp3", nil) == .emptyTag)
        #expect(
            try await refusal("plain.txt", "audio/wav")
                == .typeMismatch(claimed: "audio/wav", found: "text/plain"))
        #expect(
            try await refusal("late-fault.txt", "text/plain", "translation") == .notText(offset: 1_050_000))
        #expect(try await refusal("utf16.txt", "text/plain", "translation") == .notText(offset: 0))
        #expect(try await refusal("empty", nil) == .empty)
    }

    private func refusal(
        _ file: String, _ claim: String?, _ job: String = "transcription"
    ) async throws -> BodyRefusal? {
        let bytes = try await SampleTable.shared.bytes(of: file)
        let row = SampleTable.Row(
            file: file, claim: claim, object: "input", job: job, answer: 415, stored: nil)
        let judgement = try await SampleJudgement(row, bytes, chunk: 65536, MagicSniffer(threads: 1))
        guard case .failure(let refusal) = judgement.outcome else { return nil }
        return refusal
    }
}
