public import CustodeCore
internal import PostgresClient

extension PostgresCatalog: UploadCatalog {
    private static let statements = UploadStatements()

    /// Remembers a new upload, if its user may have one more.
    public func create(
        _ upload: ResumableUpload, _ limits: Policy.Uploads, lease: Duration, appends: Bool
    ) async throws(CatalogError) -> UploadCreation {
        let (target, link) = (upload.target, upload.creator.link)
        let rows = try await query(
            Self.statements.create,
            [
                .text(upload.id.text), .text(upload.creator.user.text), .text(upload.dialect.rawValue),
                .optionalText(target?.job.text), .optionalText(target?.type.text),
                .optionalText(target?.object.text), .optionalText(target?.claim?.essence),
                .optionalText(target?.filename), .optionalText(target.map { Self.text($0.expectation) }),
                .textArray(upload.parts.map(\.text)), .optionalText(upload.declared.metadata),
                .optionalText(upload.declared.concat), .int(upload.limit), .optionalText(upload.digest?.hex),
                .optionalInt(upload.length), .int(upload.epoch), .text(lease.interval), .text(limits.expires.interval),
                .optionalText(link.map { Hex.encode($0.nonce) }), .optionalInt(link.map { Int64($0.epoch) }),
                .optionalInt(link.map { Int64($0.expires) }), link.map { .bool($0.once) } ?? .null,
                .int(Int64(limits.maximumOpenPerUser)), .int(limits.maximumBytesPerUserPerDay),
                .bool(appends),
            ])
        return try Self.decoding { () throws(PostgresError) in
            switch try rows.first?.text(0) {
            case "created": return .created
            case "open": return .tooManyOpen
            case "bytes": return .tooManyBytes
            default: throw RowDecoding.nothing
            }
        }
    }

    /// How many bytes an upload may have whose length is not told yet.
    public func room(
        for upload: ResumableUpload, _ limits: Policy.Uploads
    ) async throws(CatalogError) -> Int64 {
        let rows = try await query(
            Self.statements.room,
            [
                .text(upload.id.text), .text(upload.creator.user.text), .int(limits.maximumBytesPerUserPerDay),
            ])
        return try Self.decoding { () throws(PostgresError) in try rows.first?.int(0) ?? 0 }
    }

    /// Finds an upload, and whether a request holds it.
    public func find(
        upload id: UploadID
    ) async throws(CatalogError) -> (upload: ResumableUpload, isHeld: Bool)? {
        let rows = try await query(Self.statements.find, [.text(id.text)], on: lookups)
        return try Self.decoding { () throws(PostgresError) in
            guard let row = rows.first else { return nil }
            return (try UploadDecoding.upload(row), try row.bool(UploadDecoding.width))
        }
    }

    /// Lets one request in; whoever was before can record nothing any more.
    public func claim(
        _ id: UploadID, lease: Duration, _ insistence: UploadInsistence, appends: Bool
    ) async throws(CatalogError) -> UploadClaim {
        let rows = try await query(
            Self.statements.claim,
            [.text(id.text), .text(lease.interval), .int(Int64(insistence.rawValue)), .bool(appends)])
        if rows.first == nil {
            let known = try await query(Self.statements.contest, [.text(id.text)])
            return try Self.decoding { () throws(PostgresError) in try known.first?.bool(0) == true ? .busy : .gone }
        }
        return try Self.decoding { () throws(PostgresError) in
            guard let row = rows.first else { throw RowDecoding.nothing }
            return .held(try UploadDecoding.upload(row, reserved: row.int(UploadDecoding.width)))
        }
    }

    /// Records how far an upload has come; false if the request of that epoch holds it no longer.
    public func record(
        _ upload: ResumableUpload, _ change: StagedBlob.Change, release: Bool, lease: Duration, rest: Duration,
        intentLease: Duration
    ) async throws(CatalogError) -> Bool {
        let (state, ending) = Self.text(upload.state)
        let staged = upload.staged
        let parameters: [PostgresValue] = [
            .text(upload.id.text), .int(upload.epoch), .optionalInt(upload.length), .int(upload.offset),
            .text(state), .optionalText(ending?.name), .optionalText(ending?.detail),
            .text(Hex.encode(upload.progress.held)), .optionalText(upload.progress.judgement.map(Hex.encode)),
            .optionalText(upload.progress.contentType), .optionalText(upload.progress.sha256?.hex),
            .optionalText(upload.digest?.hex), .optionalInt(upload.intent?.id),
            .optionalText(upload.intent?.key.text), .int(staged.size), .text(Hex.encode(staged.hash)),
            .optionalText(staged.token), .int(Int64(staged.nextNumber)), .bool(release), .text(lease.interval),
            .text(rest.interval), .text(intentLease.interval),
        ]
        let (removed, added) = (change.removed, change.added)
        let pieces: [PostgresValue] = [
            .textArray(removed.map { String($0.offset) }), .textArray(removed.map { String($0.number) }),
            .textArray(added.map { String($0.offset) }), .textArray(added.map { String($0.size) }),
            .textArray(added.map { String($0.number) }), .textArray(added.map { $0.tag ?? "" }),
        ]
        let rows = try await query(Self.statements.record, parameters + pieces)
        return try Self.decoding { () throws(PostgresError) in try rows.first?.int(0) == 1 }
    }

    /// Lets go of an upload without recording anything.
    public func release(_ id: UploadID, epoch: Int64, nextNumber: Int) async throws(CatalogError) {
        _ = try await query(Self.statements.release, [.text(id.text), .int(epoch), .int(Int64(nextNumber))])
    }

    /// Renews the leases of requests under way, and tells which of them are to let go.
    public func attend(
        _ held: [(id: UploadID, epoch: Int64)], lease: Duration
    ) async throws(CatalogError) -> [UploadID] {
        let rows = try await query(
            Self.statements.attend,
            [.textArray(held.map(\.id.text)), .textArray(held.map { String($0.epoch) }), .text(lease.interval)])
        return try Self.ids(rows)
    }

    /// Makes the job refer to the bytes of an upload and ends it.
    public func finish(
        _ upload: ResumableUpload, _ record: ObjectRecord
    ) async throws(CatalogError) -> PublishOutcome {
        guard let target = upload.target, let intent = upload.intent else {
            throw .failed("a complete upload lacks what an object must have")
        }
        let link = upload.creator.link
        let rows = try await change(
            record.job, Self.statements.finish,
            [
                .text(upload.id.text), .int(upload.epoch), .int(intent.id), .text(record.job.text),
                .text(upload.creator.user.text), .text(record.object.text), .text(record.key),
                .text(record.contentType), .int(record.size), .text(record.sha256.hex), .text(record.etag.text),
                .optionalText(record.filename), .text(Self.text(target.expectation)),
                .optionalText(link.flatMap { $0.once ? Hex.encode($0.nonce) : nil }),
                .optionalInt(link.map { Int64($0.expires) }), .optionalInt(link.map { Int64($0.epoch) }),
            ])
        return try Self.decoding { () throws(PostgresError) in
            guard let row = rows.first else { throw RowDecoding.nothing }
            return try Self.outcome(row)
        }
    }

    /// Uploads that nobody holds and that somebody should attend to.
    public func due(limit: Int) async throws(CatalogError) -> [UploadID] {
        try Self.ids(try await query(Self.statements.due, [.int(Int64(limit))]))
    }

    /// Forgets uploads that ended longer ago than this.
    public func forget(endedFor age: Duration) async throws(CatalogError) {
        _ = try await query(Self.statements.forget, [.text(age.interval)])
    }

    /// Which of these are remembered and have not ended.
    public func open(_ ids: [UploadID]) async throws(CatalogError) -> [Bool] {
        guard !ids.isEmpty else { return [] }
        let rows = try await query(Self.statements.open, [.textArray(ids.map(\.text))], on: lookups)
        return try Self.decoding { () throws(PostgresError) in
            var answers: [Bool] = []
            for row in rows { answers.append(try row.bool(0)) }
            return answers
        }
    }

    private static func ids(_ rows: PostgresResult) throws(CatalogError) -> [UploadID] {
        try decoding { () throws(PostgresError) in
            var ids: [UploadID] = []
            for row in rows { if let id = UploadID(try row.text(0)) { ids.append(id) } }
            return ids
        }
    }

    private static func text(
        _ state: ResumableUpload.State
    ) -> (String, ending: (name: String, detail: String?)?) {
        switch state {
        case .receiving: ("receiving", nil)
        case .completing: ("completing", nil)
        case .done: ("done", nil)
        case .ended(let ending): ("ended", UploadDecoding.text(ending))
        }
    }
}

extension PostgresValue {
    /// A whole number, or SQL null for `nil`.
    static func optionalInt(_ number: Int64?) -> PostgresValue { number.map { .int($0) } ?? .null }
}
