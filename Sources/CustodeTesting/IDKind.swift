/// The type of the ids in the SaaS's tables, one of which every deployment has.
public enum IDKind: String, Sendable, CaseIterable {
    case uuid, bigint, text
}
