/// What `custode check` said, by the names of what it looked at.
public struct CheckReport: Sendable {
    /// The exit status.
    public let status: Int32
    /// Whether each is as it should be, and what was found.
    public let checks: [String: (ok: Bool, detail: String)]
    /// All that was printed.
    public let text: String
}

extension World {
    /// Runs `custode check --json`, with more settings for this once.
    public func check(_ settings: [String: String] = [:]) async throws -> CheckReport {
        let outcome = try await service.run(["check", "--json"], settings: settings)
        let json = try JSON(Array(outcome.output.utf8))
        var checks: [String: (ok: Bool, detail: String)] = [:]
        for item in json["checks"].array {
            checks[item["name"].string ?? ""] = (item["ok"] == true, item["detail"].string ?? "")
        }
        return CheckReport(status: outcome.status, checks: checks, text: outcome.output + outcome.errors)
    }
}
