/// A parameter of a statement, sent as text; the server infers its type, or the SQL casts it (`$1::uuid`).
public enum PostgresValue: Sendable, Hashable {
    /// SQL null.
    case null
    /// Text, or anything else in its text form. A text with a NUL character is refused with SQL state `22021`.
    case text(String)
    /// A whole number.
    case int(Int64)
    /// A truth value.
    case bool(Bool)
    /// A one-dimensional array of texts, for `$1::text[]` and its like.
    case textArray([String])
    /// Text, or SQL null for `nil`.
    case optionalText(String?)
}
