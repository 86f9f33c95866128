public import NIOCore

extension ResumableUploads {
    /// What a request says of the bytes that it appends.
    public struct Append: Sendable {
        /// Where they begin.
        public var offset: Int64
        /// How many there are; `nil` if nobody says before they end.
        public var count: Int64?
        /// How many the whole has, where this request says so.
        public var length: Int64?
        /// Whether these are the last, where a request says so: in the draft.
        public var completes = false
        /// What they must hash to; of those that do not, none is kept.
        public var checksum: (algorithm: ChecksumAlgorithm, value: [UInt8])?
        /// The SHA-256 that the whole must have, where this request says so.
        public var digest: Digest?

        /// Bytes of which only the beginning is known.
        public init(offset: Int64) { self.offset = offset }

        /// Whether some of them may be recorded before all have come.
        ///
        /// What a checksum may reject, or an overrun that nobody announced, must never have been told as kept.
        var mayBeToldEarly: Bool { checksum == nil && count != nil }
    }

    /// Appends the body of a request to an upload, once its creator is seen to ask.
    ///
    /// - Parameters:
    ///   - body: The bytes; asked for once it is clear that they are wanted.
    ///   - stop: Ends the body; called when a newer request wants the upload.
    ///   - told: Told the offset now and then, as far as it is recorded.
    /// - Returns: How the upload stands; what is told is durable.
    /// - Throws: ``Refusal``; what the body threw, after what had come of it was recorded.
    public func append(
        _ caller: Caller, _ id: UploadID, _ request: Append,
        body: () async throws -> some AsyncSequence<ByteBuffer, any Error>, stop: @escaping @Sendable () -> Void,
        told: (Int64) async -> Void = { _ in }
    ) async throws -> Standing {
        let found = try await authorized(id, caller).upload
        guard found.parts.isEmpty else {
            throw Refusal.forbidden("An upload that is made of others takes no bytes of its own.")
        }
        if case .done = found.state { return try repeated(request, found) }
        let held = try await hold(id, appends: true)
        switch held.state {
        case .receiving: return try await append(held, request, body: body, stop: stop, told: told)
        case .completing: return try repeated(request, try await publish(held).upload)
        case .done:
            await letGo(held)
            return try repeated(request, held)
        case .ended(let ending):
            await letGo(held)
            throw Refusal(ending)
        }
    }

    /// Appends bytes to an upload that is held by this request, and lets go of it.
    public func append(
        _ held: ResumableUpload, _ request: Append,
        body: () async throws -> some AsyncSequence<ByteBuffer, any Error>, stop: @escaping @Sendable () -> Void,
        told: (Int64) async -> Void = { _ in }
    ) async throws -> Standing {
        watch.enter(held, stop: stop)
        defer { watch.leave(held) }
        let upload: ResumableUpload
        let room: Int64
        var session: AppendSession
        do {
            upload = try agree(held, request)
            room = try await self.room(for: held, upload, request)
            session = try AppendSession(upload, self)
        } catch Refusal.tooLarge(let limit) where held.dialect == .draft && held.length != nil {
            // The draft has it that an upload of which more comes than it is to have is no longer to be trusted.
            try await end(held, .tooLarge(limit: limit))
            throw Self.overrun(limit, of: held)
        } catch {
            await letGo(held)
            throw error
        }
        do {
            let standing = try await receive(&session, request, try await body(), room: room, told)
            await session.close()
            return standing
        } catch {
            // What is in the bucket already stays, whatever keeps the rest out.
            if error is BlobStoreError, request.mayBeToldEarly { try? await recordStored(&session) }
            await session.close()
            if let ending = Self.ending(error, of: upload) {
                try await end(session.upload, ending)
                if case .tooLarge(let limit) = ending { throw Self.overrun(limit, of: upload) }
            } else {
                await letGo(held, nextNumber: session.nextNumber)
            }
            throw error
        }
    }

    private func receive(
        _ session: inout AppendSession, _ request: Append, _ body: some AsyncSequence<ByteBuffer, any Error>,
        room: Int64, _ told: (Int64) async -> Void
    ) async throws -> Standing {
        var checksum = request.checksum.map { checksums.begin($0.algorithm) }
        let limit = min(session.upload.length ?? .max, session.upload.limit)
        var due = clock.now() + Self.interval
        var received = session.upload.offset
        var refusal: Refusal?
        var iterator = body.makeAsyncIterator()
        while let piece = try await next(&iterator, request, &session) {
            received += Int64(piece.readableBytes)
            guard received <= limit else { throw Refusal.tooLarge(limit: limit) }
            guard received <= room else { throw DailyBytes.tooMuch }
            checksum?.update(piece)
            guard refusal == nil else { continue }
            do {
                try await session.take(piece)
            } catch Refusal.unsupportedType(let detail) where request.checksum != nil {
                // Bytes that were spoilt on their way say nothing of the upload: whether they were is known at their end.
                refusal = .unsupportedType(detail)
            }
            guard request.mayBeToldEarly, clock.now() > due else { continue }
            try await recordStored(&session)
            await told(session.recordedOffset)
            due = clock.now() + Self.interval
        }
        if let expected = request.checksum?.value, checksum?.finish() != expected { throw Refusal.checksumMismatch }
        if let refusal { throw refusal }
        return try await conclude(&session, request)
    }

    /// How many bytes an upload may have today: those of a length told at its beginning were counted there.
    private func room(
        for held: ResumableUpload, _ upload: ResumableUpload, _ request: Append
    ) async throws -> Int64 {
        guard held.length == nil else { return .max }
        let room =
            try await uploads.room(for: held, policy.uploads) - (dailyBytes?.unknown(of: held.creator.user) ?? 0)
        let wanted = upload.length ?? request.count.map { held.offset + $0 } ?? held.offset
        guard wanted <= room else { throw DailyBytes.tooMuch }
        return room
    }

    /// Records what is in the store by now.
    private func recordStored(_ session: inout AppendSession) async throws {
        guard let durable = try await session.passingCheckpoint() else { return }
        try await session.record(durable)
    }

    /// The next piece of a body; of one that breaks off, what came is recorded.
    private func next(
        _ iterator: inout some AsyncIteratorProtocol<ByteBuffer, any Error>, _ request: Append,
        _ session: inout AppendSession
    ) async throws -> ByteBuffer? {
        do {
            return try await iterator.next(isolation: nil)
        } catch {
            if request.checksum == nil { try await keep(&session) }
            throw error
        }
    }

    /// How often what is durable on the way is recorded.
    private static let interval = Duration.seconds(1)

    private func conclude(_ session: inout AppendSession, _ request: Append) async throws -> Standing {
        let upload = session.upload
        let isComplete = upload.dialect == .tus ? upload.offset == upload.length : request.completes
        guard isComplete else {
            try await session.seal()
            try await session.record(session.upload, release: true)
            return .receiving(session.upload)
        }
        if let length = upload.length, upload.offset != length { throw Refusal.uploadLength }
        return try await complete(&session)
    }

    /// Records what came of a body that broke off.
    private func keep(_ session: inout AppendSession) async throws {
        try await session.seal()
        try await session.record(session.upload, release: true)
    }

    /// Brings what is known of an upload together with what a request says.
    private func agree(_ held: ResumableUpload, _ request: Append) throws -> ResumableUpload {
        var upload = held
        guard request.offset == upload.offset else {
            throw Refusal.uploadOffset(expected: upload.offset, provided: request.offset)
        }
        if let digest = request.digest {
            guard upload.digest == nil || upload.digest == digest else { throw Refusal.uploadLength }
            upload.digest = digest
        }
        var said = request.length
        if request.completes, let count = request.count {
            guard said.map({ $0 - request.offset == count }) ?? true else { throw Refusal.uploadLength }
            // Whatever a client may call a length: the sum must be one.
            guard count <= upload.limit - request.offset else { throw Refusal.tooLarge(limit: upload.limit) }
            said = request.offset + count
        }
        if let said {
            guard upload.length == nil || upload.length == said else { throw Refusal.uploadLength }
            guard said >= upload.offset else {
                throw Refusal.badRequest("Upload-Length is less than what has come already.")
            }
            guard said <= upload.limit else { throw Refusal.tooLarge(limit: upload.limit) }
            upload.length = said
        }
        if let count = request.count {
            let limit = min(upload.length ?? .max, upload.limit)
            guard count <= limit - upload.offset else { throw Refusal.tooLarge(limit: limit) }
        }
        return upload
    }

    /// What an upload stands at for a request that comes again, its reply having been lost.
    private func repeated(_ request: Append, _ upload: ResumableUpload) throws -> Standing {
        let repeats = request.completes && request.count ?? 0 == upload.offset - request.offset
        guard request.offset == upload.offset || repeats else {
            throw Refusal.uploadOffset(expected: upload.offset, provided: request.offset)
        }
        guard repeats || (request.count ?? 0) == 0 else {
            throw Refusal.tooLarge(limit: upload.offset)
        }
        return standing(of: upload)
    }

    /// Which errors end an upload: those that say that its bytes can never be the object.
    private static func ending(_ error: any Error, of upload: ResumableUpload) -> UploadEnding? {
        switch error as? Refusal {
        case .unsupportedType(let detail): .unsupportedType(detail)
        case .tooLarge(let limit) where upload.dialect == .draft: .tooLarge(limit: limit)
        default: nil
        }
    }

    /// What is told of more bytes than an upload may have, or was to have.
    private static func overrun(_ limit: Int64, of upload: ResumableUpload) -> Refusal {
        limit == upload.length ? .uploadLength : .tooLarge(limit: limit)
    }

    /// Records an upload that is held.
    ///
    /// - Throws: ``Refusal/uploadTaken`` if it is no longer.
    func note(
        _ upload: ResumableUpload, _ change: StagedBlob.Change = StagedBlob.Change(), release: Bool = false
    ) async throws {
        if release { watch.leave(upload) }
        // The task of a broken connection may have been cancelled; awaited, so never adrift.
        let holds = try await Task { [self] in
            try await uploads.record(
                upload, change, release: release, lease: AppendWatch.lease, rest: policy.uploads.expires,
                intentLease: intentLease)
        }.value
        guard holds else { throw Refusal.uploadTaken }
    }

    /// Lets go of an upload of which nothing new is to be recorded; if that fails, the lease runs out.
    ///
    /// - Parameter nextNumber: The number that the next part would take, if some were taken.
    func letGo(_ upload: ResumableUpload, nextNumber: Int? = nil) async {
        watch.leave(upload)
        // The request's own task may have been cancelled; awaited, so never adrift.
        await Task { [uploads] in
            try? await uploads.release(
                upload.id, epoch: upload.epoch, nextNumber: nextNumber ?? upload.staged.nextNumber)
        }.value
    }
}
