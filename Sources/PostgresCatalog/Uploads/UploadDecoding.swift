internal import CustodeCore
internal import PostgresClient

/// Turns rows of `custode.uploads` into the core's values and back; columns are those of ``UploadStatements``.
enum UploadDecoding {
    /// How many columns there are.
    static let width = 37

    /// - Parameter reserved: How many part numbers were taken for whoever holds it now.
    static func upload(_ row: PostgresRow, reserved: Int64 = 0) throws(PostgresError) -> ResumableUpload {
        guard let id = UploadID(try row.text(0)), let user = UserID(try row.text(1)),
            let dialect = UploadDialect(rawValue: try row.text(2))
        else { throw unreadable }
        let target = try target(row)
        let (key, intentID) = (try row.optionalText(27), try row.optionalInt(26))
        return ResumableUpload(
            id: id, creator: UploadCreator(user: user, link: try link(row)), dialect: dialect, target: target,
            parts: try row.text(9).split(separator: " ").compactMap { UploadID(String($0)) },
            declared: ResumableUpload.Declared(
                metadata: try row.optionalText(10), concat: try row.optionalText(11)),
            limit: try row.int(12), digest: try row.optionalText(13).flatMap(Digest.init(hex:)),
            length: try row.optionalInt(14), offset: try row.int(15), state: try state(row, target),
            epoch: try row.int(19), expires: Timestamp(microseconds: try row.int(20)),
            progress: ResumableUpload.Progress(
                held: try bytes(row, 22) ?? [], judgement: try bytes(row, 23), contentType: try row.optionalText(24),
                sha256: try row.optionalText(25).flatMap(Digest.init(hex:))),
            intent: key.flatMap(ObjectKey.init(parsing:)).flatMap { key in
                intentID.map { UploadIntent(id: $0, key: key) }
            },
            staged: StagedBlob(
                id: id, size: try row.int(28), hash: try bytes(row, 29) ?? [], token: try row.optionalText(30),
                pieces: try pieces(row.optionalText(36) ?? ""), nextNumber: Int(try row.int(31) - reserved),
                epoch: try row.int(19)))
    }

    private static let unreadable = PostgresError(code: .decoding, message: "a recorded upload cannot be read")

    private static func bytes(_ row: PostgresRow, _ column: Int) throws(PostgresError) -> [UInt8]? {
        guard let text = try row.optionalText(column) else { return nil }
        guard let bytes = Hex.decode(text) else { throw unreadable }
        return bytes
    }

    private static func target(_ row: PostgresRow) throws(PostgresError) -> ResumableUpload.Target? {
        guard let job = try row.optionalText(3).flatMap(JobID.init),
            let object = try row.optionalText(5).flatMap(ObjectName.init)
        else { return nil }
        return ResumableUpload.Target(
            job: job, type: JobType(try row.optionalText(4) ?? ""), object: object,
            claim: try row.optionalText(6).flatMap(MediaType.init), filename: try row.optionalText(7),
            expectation: expectation(try row.text(8)))
    }

    private static func link(_ row: PostgresRow) throws(PostgresError) -> UploadCreator.Link? {
        guard let text = try row.optionalText(32) else { return nil }
        guard let nonce = Hex.decode(text) else { throw unreadable }
        return UploadCreator.Link(
            nonce: nonce, epoch: UInt32(truncatingIfNeeded: try row.int(33)),
            expires: UInt32(truncatingIfNeeded: try row.int(34)), once: try row.bool(35))
    }

    private static func state(
        _ row: PostgresRow, _ target: ResumableUpload.Target?
    ) throws(PostgresError) -> ResumableUpload.State {
        switch try row.text(16) {
        case "receiving": return .receiving
        case "completing": return .completing
        case "done": return .done(try record(row, target))
        default: return .ended(ending(try row.optionalText(17) ?? "", try row.optionalText(18)))
        }
    }

    private static func record(
        _ row: PostgresRow, _ target: ResumableUpload.Target?
    ) throws(PostgresError) -> ObjectRecord? {
        guard let target else { return nil }
        guard let sha256 = try row.optionalText(25).flatMap(Digest.init(hex:)), let key = try row.optionalText(27),
            let type = try row.optionalText(24), let published = try row.optionalInt(21)
        else { throw unreadable }
        return ObjectRecord(
            job: target.job, object: target.object, key: key, contentType: type, size: try row.int(15),
            sha256: sha256, etag: ETag(sha256), filename: target.filename,
            createdAt: Timestamp(microseconds: published))
    }

    private static func pieces(_ text: String) throws(PostgresError) -> [StagedBlob.Piece] {
        var pieces: [StagedBlob.Piece] = []
        for item in text.split(separator: "\u{1E}") {
            let parts = item.split(separator: "\u{1F}")
            guard parts.count >= 3, let offset = Int64(parts[0]), let size = Int64(parts[1]),
                let number = Int64(parts[2])
            else { throw unreadable }
            pieces.append(
                StagedBlob.Piece(
                    offset: offset, size: size, number: number, tag: parts.count > 3 ? String(parts[3]) : nil))
        }
        return pieces
    }

    private static func expectation(_ text: String) -> Publication.Expectation {
        switch text {
        case "absent": .absent
        case "present": .present
        default: .matches(ETag(recorded: text))
        }
    }

    /// The name of an ending, and what else there is to it.
    static func text(_ ending: UploadEnding) -> (name: String, detail: String?) {
        switch ending {
        case .terminated: ("terminated", nil)
        case .expired: ("expired", nil)
        case .unsupportedType(let detail): ("type", detail)
        case .tooLarge(let limit): ("large", String(limit))
        case .wrongDigest: ("digest", nil)
        case .jobGone: ("gone", nil)
        case .exists: ("exists", nil)
        case .changed: ("changed", nil)
        case .linkUsed: ("used", nil)
        }
    }

    private static func ending(_ name: String, _ detail: String?) -> UploadEnding {
        switch name {
        case "expired", "lost": .expired
        case "type": .unsupportedType(detail ?? "")
        case "large": .tooLarge(limit: detail.flatMap { Int64($0) } ?? 0)
        case "digest": .wrongDigest
        case "gone": .jobGone
        case "exists": .exists
        case "changed": .changed
        case "used": .linkUsed
        default: .terminated
        }
    }
}
