import CustodeTesting
import Foundation
import Testing

extension Tag {
    /// Takes more than five seconds by its nature.
    @Tag static var slow: Self
}

extension Trait where Self == ConditionTrait {
    /// Leaves the test out of a fast run.
    static var unlessFast: Self {
        .disabled(if: Checkout.isFastRun, "left out by CUSTODE_TEST_FAST")
    }
}

/// Expects a refusal in the one shape all of them have (RFC 9457), with the request's id in both places.
func expectProblem(
    _ reply: RawResponse, _ status: Int, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(reply.status == status, "\(reply.summary)", sourceLocation: sourceLocation)
    guard reply.status == status else { return }
    let type = reply.header("Content-Type") ?? ""
    #expect(type.hasPrefix("application/problem+json"), "\(reply.summary)", sourceLocation: sourceLocation)
    let problem = reply.json
    #expect(
        problem["type"].string?.hasPrefix("urn:custode:") == true, "\(reply.text)",
        sourceLocation: sourceLocation)
    #expect(problem["status"].int == status, "\(reply.text)", sourceLocation: sourceLocation)
    for member in ["title", "detail"] {
        #expect(problem[member].string?.isEmpty == false, "\(reply.text)", sourceLocation: sourceLocation)
    }
    #expect(
        problem["instance"].string != nil && problem["instance"].string == reply.header("X-Request-Id"),
        "\(reply.summary)", sourceLocation: sourceLocation)
}

/// A refusal's body and headers without what is each request's own: its id, the time.
func impersonal(_ reply: RawResponse) -> String {
    let id = reply.header("X-Request-Id") ?? "no request id"
    let fields = reply.headers.fields
        .filter { !["date", "x-request-id"].contains($0.name.lowercased()) }
        .map { "\($0.name.lowercased()): \($0.value)" }
        .sorted()
    return "\(reply.status)\n\(fields.joined(separator: "\n"))\n\n\(reply.text)".replacing(id, with: "<id>")
}

extension World {
    /// Expects that something refused leaves no bytes, no row and no temporary file, at once or soon after.
    func expectNothingLeft(
        sourceLocation: SourceLocation = #_sourceLocation, after work: () async throws -> Void
    ) async throws {
        let before = try await remains()
        try await work()
        _ = try await eventually(within: .seconds(5)) { try await self.remains() == before }
        #expect(try await remains() == before, sourceLocation: sourceLocation)
    }
}
