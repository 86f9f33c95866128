import CustodeTesting
import Foundation
import Testing

extension World {
    /// Whether an object is in its place, in quarantine, both or neither.
    func place(of key: String) throws -> Whereabouts {
        let isTrashed = try supabaseKeys(".trash/").contains { $0.hasSuffix("/" + key) }
        return switch (try supabaseKeys(key).contains(key), isTrashed) {
        case (true, false): .place
        case (false, true): .trash
        case (true, true): .both
        case (false, false): .nowhere
        }
    }

    /// The bytes of the stand-in's object.
    func supabaseBytes(_ key: String) throws -> [UInt8]? { try standIn.bytes(of: key, in: Self.supabaseBucket) }
}

/// Expects that the service refuses for now, and says when to ask again.
func expectUnavailable(_ reply: RawResponse, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(reply.status == 503, "\(reply.summary)", sourceLocation: sourceLocation)
    #expect(reply.header("Retry-After") != nil, "\(reply.summary)", sourceLocation: sourceLocation)
}

/// Expects a line of the log that says this, in one sentence.
func expectTold(
    _ text: String, _ service: CustodeProcess, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let isTold = try await eventually { service.log.contains(text) }
    #expect(isTold, "\(service.log.suffix(3_000))", sourceLocation: sourceLocation)
}

/// Expects what a run says of itself that a brake held.
func expectBlocked(
    _ outcome: CollectionOutcome, by brake: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(outcome.status == 3, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome.verdict == "blocked" && outcome.brake == brake, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome["quarantined"] == 0 && outcome["purged"] == 0, "\(outcome)", sourceLocation: sourceLocation)
}
