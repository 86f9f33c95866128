extension PutObject {
    /// Decides whether a file from before may become what refers to it.
    ///
    /// - Parameters:
    ///   - match: The row, which must still say the same when it switches.
    ///   - request: What is known of the file; its conditions are not asked.
    /// - Throws: ``Refusal/unsupportedType(_:)``, ``Refusal/tooLarge(limit:)``.
    func admit(_ match: LegacyMatch, _ request: Request) throws(Refusal) -> Admission {
        guard let rule = policy.limits(for: match.object, of: match.found.type) else {
            throw .unsupportedType(
                match.object.isInput
                    ? "The policy says nothing of the input of \(match.found.type.text) jobs."
                    : "The policy knows no object \(match.object.text).")
        }
        if let length = request.length, length > rule.maximumBytes { throw .tooLarge(limit: rule.maximumBytes) }
        return Admission(
            found: match.found, object: match.object, request: request, rule: rule, limit: rule.maximumBytes,
            expectation: match.found.reference == nil ? .absent : .present)
    }
}
