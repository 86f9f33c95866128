internal import CustodeCore
internal import PostgresClient

/// Turns rows into the core's values.
enum RowDecoding {
    static let nothing = PostgresError(code: .decoding, message: "a function returned no row")

    /// A row of the find statement.
    static func jobObject(_ row: PostgresRow, object: String) throws(PostgresError) -> JobObject? {
        // A job that is nobody's cannot be reached; it must not disturb the look-ups of others.
        guard let job = JobID(try row.text(1)), let owner = try row.optionalText(2).flatMap(UserID.init) else {
            return nil
        }
        var reference: JobObject.Reference?
        if let key = try row.optionalText(5) {
            reference = .foreign(key)
            if let record = try record(row, job: job, object: object, from: 5), try !isAnothers(row, 12, key, owner) {
                reference = .published(record)
            }
        }
        return JobObject(
            job: job, owner: owner, type: JobType(try row.optionalText(3) ?? ""),
            linkEpoch: UInt32(truncatingIfNeeded: try row.int(4)), reference: reference)
    }

    /// Whether a key was published for another job, of another user: what a row says does not make it this one's.
    ///
    /// - Parameter column: That which tells whether it was published for this job.
    static func isAnothers(
        _ row: PostgresRow, _ column: Int, _ key: String, _ owner: UserID
    ) throws(PostgresError) -> Bool {
        if try row.isNull(column) { return false }
        if try row.bool(column) { return false }
        return ObjectKey(parsing: key)?.user != owner
    }

    /// The key and the six columns behind it; `nil` if no publication recorded the key.
    static func record(
        _ row: PostgresRow, job: JobID?, object: String, from column: Int
    ) throws(PostgresError) -> ObjectRecord? {
        guard let job, let object = ObjectName(object), let contentType = try row.optionalText(column + 1) else {
            return nil
        }
        guard let sha256 = Digest(hex: try row.text(column + 3)) else {
            throw PostgresError(code: .decoding, message: "a recorded SHA-256 is not one")
        }
        return ObjectRecord(
            job: job, object: object, key: try row.text(column), contentType: contentType,
            size: try row.int(column + 2), sha256: sha256, etag: ETag(recorded: try row.text(column + 4)),
            filename: try row.optionalText(column + 5),
            createdAt: Timestamp(microseconds: try row.int(column + 6)))
    }
}
