import CLibPQ

/// Owns a `PGresult`.
///
/// `@unchecked Sendable`: the pointer never changes, and a finished `PGresult` is only read, which libpq allows
/// from several threads at a time.
final class ResultStorage: @unchecked Sendable {
    let pointer: OpaquePointer
    let rows: Int
    let columns: Int

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
        rows = Int(PQntuples(pointer))
        columns = Int(PQnfields(pointer))
    }

    deinit {
        PQclear(pointer)
    }

    /// The command tag, such as `INSERT 0 1`.
    var commandTag: String {
        PQcmdStatus(pointer).map { String(cString: $0) } ?? ""
    }

    /// The text of one column as the server sent it, or `nil` for null; it lives as long as `self`.
    func bytes(row: Int, column: Int) throws(PostgresError) -> UnsafeBufferPointer<UInt8>? {
        guard row >= 0, row < rows, column >= 0, column < columns else {
            throw PostgresError(code: .decoding, message: "no column \(column) in row \(row) of \(rows)")
        }
        guard PQgetisnull(pointer, Int32(row), Int32(column)) == 0,
            let start = PQgetvalue(pointer, Int32(row), Int32(column))
        else { return nil }
        return UnsafeBufferPointer(
            start: UnsafeRawPointer(start).assumingMemoryBound(to: UInt8.self),
            count: Int(PQgetlength(pointer, Int32(row), Int32(column))))
    }

    /// One field of the error report, by the letter of the wire protocol.
    func errorField(_ letter: Unicode.Scalar) -> String? {
        PQresultErrorField(pointer, Int32(letter.value)).map { String(cString: $0) }
    }
}
