/// The rows that a query returned, decoded when they are looked at.
public struct PostgresResult: Sendable {
    let storage: ResultStorage

    /// The number of rows.
    public var count: Int { storage.rows }

    /// How many rows an insert, update, delete, merge or select touched; 0 for other commands.
    public var affectedRows: Int {
        Int(storage.commandTag.split(separator: " ").last ?? "") ?? 0
    }
}

extension PostgresResult: RandomAccessCollection {
    /// The position of the first row: 0.
    public var startIndex: Int { 0 }

    /// One past the last row.
    public var endIndex: Int { storage.rows }

    /// One row.
    public subscript(row: Int) -> PostgresRow {
        precondition(row >= 0 && row < storage.rows, "row \(row) of \(storage.rows)")
        return PostgresRow(storage: storage, row: row)
    }
}
