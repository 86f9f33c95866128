/// Tells references that are understood from those that are not.
///
/// A reference of an unknown kind could mean any object in the bucket under another spelling; a run must not go on.
struct ReferenceForms {
    private let legacy: [Regex<AnyRegexOutput>]

    /// - Parameter legacy: Regular expressions of references from before; one matches if it does anywhere.
    /// - Throws: ``BrakeHeld`` if one is not a regular expression.
    init(legacy: [String]) throws(BrakeHeld) {
        var compiled: [Regex<AnyRegexOutput>] = []
        for pattern in legacy {
            guard let regex = try? Regex(pattern) else {
                throw BrakeHeld(.reference, "collection.legacy_references: \(pattern) is not a regular expression")
            }
            compiled.append(regex)
        }
        self.legacy = compiled
    }

    /// How a reference is spelled.
    enum Form { case ours, legacy, unknown }

    func form(of reference: String) -> Form {
        if ObjectKey.isWellFormed(reference) { return .ours }
        return legacy.contains { (try? $0.firstMatch(in: reference)) != nil } ? .legacy : .unknown
    }
}

extension ObjectKey {
    /// Whether a text is a key of ours; as exact as reading it, and faster for ids that needed no encoding.
    static func isWellFormed(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: 0x2F, maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, isPlainComponent(parts[1]), isPlainComponent(parts[3]),
            parts[0].elementsEqual("users".utf8), parts[2].elementsEqual("jobs".utf8),
            parts[4].elementsEqual("input".utf8), parts[5].starts(with: "original.".utf8)
        else { return ObjectKey(parsing: text) != nil }
        let end = parts[5].dropFirst("original.".utf8.count)
        // A suffix, or anything else out of the ordinary, is the slow reader's to judge.
        guard (1...8).contains(end.count),
            end.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) })
        else { return ObjectKey(parsing: text) != nil }
        return true
    }

    private static func isPlainComponent(_ bytes: Substring.UTF8View) -> Bool {
        (3...maximumComponentLength).contains(bytes.count) && bytes.allSatisfy(isPlain)
    }
}
