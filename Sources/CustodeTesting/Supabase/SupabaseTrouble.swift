extension SupabaseStandIn {
    /// What may befall single requests.
    public enum Trouble: Sendable {
        /// A reply from the edge, before the server sees the request or its body.
        case edge(CannedResponse)
        /// The advisory lock of the row was not to be had: HTTP 400 with 503 inside, or 503 for tus.
        case lockTimeout
        /// The row is locked: HTTP 400 with 423 inside, or 423 for tus.
        case resourceLocked
        /// The database takes no writes: HTTP 400 with 503 inside.
        case readOnly
        /// No database connection is free: HTTP 429.
        case slowDown
        /// The database took too long: HTTP 544.
        case databaseTimeout
        /// The upload is given up once so many bytes of its body are read: HTTP 500 and the end of the connection.
        case abort(after: Int)
    }

    /// How a gateway words a refusal.
    public enum ReplyKind: Sendable {
        /// As JSON, though not as the server's envelope.
        case json
        /// As a page for people.
        case html
    }

    /// A request as it came.
    public struct Request: Sendable {
        /// The request line.
        public let line: String
        /// The fields in order.
        public let headers: HeaderList
    }
}

/// A trouble that waits for its requests.
struct SupabaseTrouble: Sendable {
    let kind: SupabaseStandIn.Trouble
    let part: String
    var skipping: Int
    var times: Int
}

extension SupabaseState {
    /// The trouble that this request meets, which is counted.
    mutating func trouble(for request: SupabaseRequest) -> SupabaseStandIn.Trouble? {
        for index in troubles.indices where troubles[index].times > 0 {
            guard troubles[index].part.isEmpty || request.line.contains(troubles[index].part) else { continue }
            if troubles[index].skipping > 0 {
                troubles[index].skipping -= 1
                continue
            }
            troubles[index].times -= 1
            return troubles[index].kind
        }
        return nil
    }

    /// What the platform itself says to every request of a project that is over its quota or paused.
    var outage: SupabaseReply? {
        if isPaused { return .html("Project paused", status: 540) }
        switch quotaExceeded {
        case nil: return nil
        case .html: return .html("Payment Required", status: 402)
        case .json: return .json(["message": "Project has exceeded its quota", "code": "exceed_quota"], status: 402)
        }
    }
}
