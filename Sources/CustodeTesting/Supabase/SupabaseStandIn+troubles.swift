extension SupabaseStandIn {
    /// Whether the project is over its quota, so that everything gets 402, deletions too; nil when it is not.
    public var quotaExceeded: ReplyKind? {
        get { core.withState { $0.quotaExceeded } }
        set { core.withState { $0.quotaExceeded = newValue } }
    }

    /// Whether the project is paused, so that everything gets 540 and a page.
    public var isPaused: Bool {
        get { core.withState { $0.isPaused } }
        set { core.withState { $0.isPaused = newValue } }
    }

    /// Whether every key is over from now on: tokens as expired ones, the secret key at the gateway.
    public var keysAreOver: Bool {
        get { core.withState { $0.keysAreOver } }
        set { core.withState { $0.keysAreOver = newValue } }
    }

    /// Whether deletions are answered as usual and not done: 200 with `[]`, or with a message for a single one.
    public var losesDeletes: Bool {
        get { core.withState { $0.losesDeletes } }
        set { core.withState { $0.losesDeletes = newValue } }
    }

    /// How far the server's clock is ahead: it shows in `Date`, in the rows, and in what is over.
    public var clockSkew: Duration {
        get { core.withState { $0.clockSkew } }
        set { core.withState { $0.clockSkew = newValue } }
    }

    /// Has something befall the next requests with this part in their line, after letting so many of them pass.
    public func trouble(_ kind: Trouble, matching part: String = "", skipping: Int = 0, times: Int = 1) {
        core.withState {
            $0.troubles.append(SupabaseTrouble(kind: kind, part: part, skipping: skipping, times: times))
        }
    }

    /// Has the edge refuse the next such requests, with a page or with a few words in JSON.
    public func edgeError(status: Int, html: Bool = true, matching part: String = "", times: Int = 1) {
        let type = html ? "text/html" : "application/json"
        let body = html ? "<html><body><h1>\(status)</h1></body></html>\n" : "{\"message\":\"edge \(status)\"}"
        let reply = CannedResponse(status, headers: ["Content-Type": type], body: body, isEarly: true)
        trouble(.edge(reply), matching: part, times: times)
    }

    /// Has the next such requests not get the row's lock: HTTP 400 with 503 inside.
    public func lockTimeout(matching part: String = "", times: Int = 1) {
        trouble(.lockTimeout, matching: part, times: times)
    }

    /// Has the next such requests find no database connection: HTTP 429.
    public func slowDown(matching part: String = "", times: Int = 1) {
        trouble(.slowDown, matching: part, times: times)
    }

    /// Takes back all that was to befall requests, and the switches.
    public func clearTroubles() {
        core.withState { state in
            state.troubles = []
            state.quotaExceeded = nil
            state.isPaused = false
            state.keysAreOver = false
            state.losesDeletes = false
            state.clockSkew = .zero
        }
    }

    /// Forgets all tus uploads, as a server does that was restored: their URLs lead nowhere.
    public func forgetUploads() {
        core.withState { $0.uploads = [:] }
    }
}
