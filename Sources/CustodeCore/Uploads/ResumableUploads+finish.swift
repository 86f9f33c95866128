extension ResumableUploads {
    /// Finishes an upload that is held and whose bytes have all come.
    func complete(_ upload: ResumableUpload) async throws -> Standing {
        watch.enter(upload) {}
        var session: AppendSession
        do {
            session = try AppendSession(upload, self)
        } catch {
            await letGo(upload)
            throw error
        }
        do {
            let standing = try await complete(&session)
            await session.close()
            return standing
        } catch {
            await session.close()
            if case Refusal.unsupportedType(let detail) = error {
                try await end(session.upload, .unsupportedType(detail))
            } else {
                await letGo(upload, nextNumber: session.nextNumber)
            }
            throw error
        }
    }

    /// Makes the bytes of a session final and publishes them.
    ///
    /// From the record in between on, any replica can do the rest.
    func complete(_ session: inout AppendSession) async throws -> Standing {
        try await session.finish()
        var upload = session.upload
        if let digest = upload.digest, digest != upload.progress.sha256 {
            try await end(upload, .wrongDigest)
            throw Refusal.badRequest("The SHA-256 of the whole is not the one in Repr-Digest; begin a new upload.")
        }
        upload.length = upload.offset
        upload.state = .completing
        try await session.record(upload)
        await session.close()
        return try await publish(upload)
    }

    /// Publishes an upload that is held, and complete, and stored; whoever came here before and was interrupted.
    func publish(_ held: ResumableUpload) async throws -> Standing {
        // A store may take long for it; whoever waits meanwhile is not to take a lease for run out.
        watch.enter(held) {}
        do {
            guard held.target != nil else { return try await publishPartial(held) }
            let upload = try await place(held)
            let record = try record(of: upload)
            watch.leave(upload)
            return try await settled(upload, record, await uploads.finish(upload, record))
        } catch let refusal as Refusal {
            // Of one that was ended there is nothing to let go of.
            await letGo(held)
            throw refusal
        } catch {
            await letGo(held)
            throw error
        }
    }

    /// Nobody reads a partial upload but this service.
    private static let partialType = "application/octet-stream"

    private func publishPartial(_ held: ResumableUpload) async throws -> Standing {
        try await store.publish(held.staged, as: nil, contentType: Self.partialType)
        var upload = held
        upload.state = .done(nil)
        try await note(upload, release: true)
        return .partial(upload)
    }

    /// Gives the bytes their key, moving on from one that something else holds.
    private func place(_ held: ResumableUpload) async throws -> ResumableUpload {
        var upload = held
        let contentType = held.progress.contentType ?? Self.partialType
        for _ in 0..<PutObject.keyAttempts {
            do throws(BlobStoreError) {
                try await store.publish(upload.staged, as: upload.intent?.key, contentType: contentType)
                return upload
            } catch {
                guard error == .keyTaken else { throw error }
                guard let intent = upload.intent else { throw BlobStoreError.keyTaken }
                upload.intent = try await catalog.move(intent, to: keys(of: upload).suffixed)
                try await note(upload)
            }
        }
        throw BlobStoreError.unavailable("three random keys in a row were taken")
    }

    private func record(of upload: ResumableUpload) throws -> ObjectRecord {
        guard let target = upload.target, let intent = upload.intent, let sha256 = upload.progress.sha256,
            let contentType = upload.progress.contentType
        else { throw CatalogError.failed("a complete upload lacks what an object must have") }
        return ObjectRecord(
            job: target.job, object: target.object, key: intent.key.text, contentType: contentType,
            size: upload.offset, sha256: sha256, etag: ETag(sha256), filename: target.filename, createdAt: clock.now())
    }

    private func settled(
        _ held: ResumableUpload, _ record: ObjectRecord, _ outcome: PublishOutcome
    ) async throws -> Standing {
        var upload = held
        switch outcome {
        case .published(let createdAt):
            let record = record.created(at: createdAt)
            published(upload, record)
            // Only what is left of the way there goes; if that fails, tidying finds it.
            try? await store.discard(upload.staged, as: upload.intent?.key, isPublished: true)
            upload.state = .done(record)
            return standing(of: upload)
        case .exists:
            try? await store.discard(upload.staged, as: upload.intent?.key, isPublished: true)
            if let digest = upload.digest, let target = upload.target,
                case .published(let theirs) = try await catalog.find(target.job, target.object)?.reference,
                theirs.sha256 == digest
            {
                upload.state = .done(theirs)
                return .published(upload, PutObject.Outcome(record: theirs, created: false))
            }
            throw try await existing(upload)
        case .jobGone:
            try? await store.discard(upload.staged, as: upload.intent?.key, isPublished: true)
            throw Refusal.notFound
        case .changed: throw Refusal.preconditionFailed(current: nil)
        case .linkUsed: throw Refusal.linkUsed
        case .intentLost: throw Refusal.unavailable(.database)
        }
    }

    private func existing(_ upload: ResumableUpload) async throws -> Refusal {
        guard let target = upload.target,
            case .published(let theirs) = try await catalog.find(target.job, target.object)?.reference
        else { return .notFound }
        return .exists(theirs)
    }

    /// How an upload that is not held stands.
    func standing(of upload: ResumableUpload) -> Standing {
        switch upload.state {
        case .done(let record?):
            .published(
                upload, PutObject.Outcome(record: record, created: upload.target?.expectation == .absent))
        case .done(nil): .partial(upload)
        default: .receiving(upload)
        }
    }

    /// Ends an upload that is held and can come to nothing; its bytes go.
    func end(_ held: ResumableUpload, _ ending: UploadEnding) async throws {
        var upload = held
        upload.state = .ended(ending)
        upload.progress = ResumableUpload.Progress()
        upload.offset = upload.staged.size
        try await note(upload, release: true)
        // What cannot go now, tidying finds.
        try? await store.discard(upload.staged, as: upload.intent?.key, isPublished: false)
        if let intent = upload.intent { try? await catalog.cancel(intent) }
    }
}

extension ObjectRecord {
    /// The same with the moment at which it was published.
    func created(at moment: Timestamp) -> ObjectRecord {
        ObjectRecord(
            job: job, object: object, key: key, contentType: contentType, size: size, sha256: sha256, etag: etag,
            filename: filename, createdAt: moment)
    }
}
