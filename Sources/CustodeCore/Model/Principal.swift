/// What a credential allows its bearer beyond being recognised.
public enum Grant: String, Sendable, CaseIterable {
    /// All that the user may do.
    case delegate
    /// Reading any object, and writing artifact kinds, of the user's jobs.
    case artifacts
}

/// Who asks, on whose behalf, and with what rights.
public struct Principal: Sendable, Equatable {
    /// The user acted for, whose jobs alone are in reach.
    public let user: UserID
    /// What the credential grants.
    public let grants: Set<Grant>
    /// The id of the service key that it came with; `nil` if it was a token of the user's own.
    public let serviceKey: String?

    /// A caller whose credential has been checked.
    public init(user: UserID, grants: Set<Grant>, serviceKey: String?) {
        self.user = user
        self.grants = grants
        self.serviceKey = serviceKey
    }

    /// Whether it may read objects.
    public var mayRead: Bool { !grants.isEmpty }

    /// Whether it may delete, list, mint and revoke as the user.
    public var mayManage: Bool { grants.contains(.delegate) }

    /// Whether it may write this object: inputs are the user's, artifacts the workers'.
    public func mayWrite(_ object: ObjectName) -> Bool {
        grants.contains(object.isInput ? .delegate : .artifacts)
    }
}
