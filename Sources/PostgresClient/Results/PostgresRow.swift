/// One row of a result; columns count from 0.
///
/// Every accessor throws a `PostgresError` with code `decoding` if there is no such column or it does not hold
/// what is asked for.
public struct PostgresRow: Sendable {
    let storage: ResultStorage
    let row: Int

    /// Whether a column is null.
    public func isNull(_ column: Int) throws(PostgresError) -> Bool {
        try storage.bytes(row: row, column: column) == nil
    }

    /// A column that is not null, in the server's text form.
    public func text(_ column: Int) throws(PostgresError) -> String {
        try require(optionalText(column), column)
    }

    /// A column in the server's text form, or `nil` if it is null.
    public func optionalText(_ column: Int) throws(PostgresError) -> String? {
        guard let bytes = try storage.bytes(row: row, column: column) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw mismatch("UTF-8", column) }
        return text
    }

    /// A column that is a whole number and not null.
    public func int(_ column: Int) throws(PostgresError) -> Int64 {
        try require(optionalInt(column), column)
    }

    /// A column that is a whole number, or `nil` if it is null.
    public func optionalInt(_ column: Int) throws(PostgresError) -> Int64? {
        guard let bytes = try storage.bytes(row: row, column: column) else { return nil }
        guard let number = Int64(Substring(decoding: bytes, as: UTF8.self)) else {
            throw mismatch("a whole number", column)
        }
        return number
    }

    /// A column that is a truth value and not null.
    public func bool(_ column: Int) throws(PostgresError) -> Bool {
        guard let bytes = try storage.bytes(row: row, column: column) else {
            throw mismatch("not null", column)
        }
        switch bytes.count == 1 ? bytes[0] : 0 {
        case UInt8(ascii: "t"): return true
        case UInt8(ascii: "f"): return false
        default: throw mismatch("a truth value", column)
        }
    }

    private func require<Value>(_ value: Value?, _ column: Int) throws(PostgresError) -> Value {
        guard let value else { throw mismatch("not null", column) }
        return value
    }

    private func mismatch(_ expected: String, _ column: Int) -> PostgresError {
        PostgresError(code: .decoding, message: "column \(column) is not \(expected)")
    }
}
