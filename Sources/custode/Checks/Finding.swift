/// One thing that `custode check` looked at.
struct Finding: Sendable {
    /// How it is.
    enum Level: String, Sendable {
        /// As it should be.
        case good = "ok  "
        /// It works, and is likely not what somebody wants.
        case doubtful = "warn"
        /// It does not work.
        case wrong = "FAIL"
    }

    /// What it is about, in a word or two.
    let name: String
    let level: Level
    /// What was found, and how to mend it.
    let detail: String

    init(_ name: String, _ level: Level, _ detail: String) {
        self.name = name
        self.level = level
        self.detail = detail
    }

    /// Something that is as it should be.
    init(_ name: String, _ detail: String) { self.init(name, .good, detail) }

    /// What a probe says; it is wrong if the probe throws, and doubtful if it throws ``Doubt``.
    static func of(_ name: String, _ probe: () async throws -> String) async -> Finding {
        do {
            return Finding(name, try await probe())
        } catch let doubt as Doubt {
            return Finding(name, .doubtful, doubt.text)
        } catch {
            return Finding(name, .wrong, explanation(error))
        }
    }
}

/// Something that works, and is likely not what somebody wants.
struct Doubt: Error {
    let text: String

    init(_ text: String) { self.text = text }
}
