import ContentSniffer
import CustodeCore

/// A judge and a sniffer working on one body, as an upload has them.
struct SampleJudgement {
    /// The type to store, or why not.
    let outcome: Result<String, BodyRefusal>
    /// The most bytes that were kept back at a time.
    let held: Int

    init(_ row: SampleTable.Row, _ bytes: [UInt8], chunk: Int, _ sniffer: MagicSniffer) async throws {
        var judge = BodyJudge(
            accepted: row.accepted, claim: row.claim.flatMap { MediaType($0) }, textual: row.isTextual,
            mayBeEmpty: row.isTextual)
        var held = 0
        var mostHeld = 0
        do {
            var start = 0
            while start < bytes.count {
                let end = min(start + chunk, bytes.count)
                let step = try judge.consume(bytes.span.extracting(start..<end).bytes)
                held += end - start
                start = end
                mostHeld = max(mostHeld, held)
                if case .sniff(let prefix) = step {
                    try judge.sniffed(try await sniffer.mimeType(of: prefix))
                }
                if step != .needMore { held = 0 }
            }
            if case .sniff(let prefix) = try judge.finish() {
                try judge.sniffed(try await sniffer.mimeType(of: prefix))
            }
            outcome = .success(judge.contentType ?? row.kindType)
        } catch let refusal as BodyRefusal {
            outcome = .failure(refusal)
        }
        self.held = mostHeld
    }
}
