public import NIOCore

extension PutObject {
    /// Receives an admitted body and publishes it.
    ///
    /// - Parameter body: The bytes, consumed no faster than they are stored.
    /// - Throws: ``Refusal``, or what a port threw. Whatever is thrown, no temporary bytes stay and nothing
    ///   refers to what was received.
    public func callAsFunction(
        _ admission: Admission, body: some AsyncSequence<ByteBuffer, any Error>
    ) async throws -> Outcome {
        var reception = Reception(admission, sniffer: sniffer)
        var iterator = body.makeAsyncIterator()
        // Nothing is stored, and no intent committed, before the first bytes have been judged.
        var held = try await reception.gather(&iterator)
        let key = try firstKeys(admission, contentType: reception.contentType)
        var intent = try await catalog.beginUpload(
            job: admission.found.job, object: admission.object, plain: key.plain, suffixed: key.suffixed,
            lease: policy.collection.intentLease)
        var bytesMayBeThere = false
        do {
            let upload = try await begin(&intent, admission, reception.contentType)
            do {
                let sealed = try await receive(&held, &iterator, &reception, into: upload, intent)
                intent = try await place(upload, intent, admission, reception.contentType)
                bytesMayBeThere = true
                return try await publish(sealed, intent, admission, reception.contentType)
            } catch {
                await upload.discard()
                throw error
            }
        } catch {
            if case BlobStoreError.unsettled = error { bytesMayBeThere = true }
            await close(intent, bytesMayBeThere: bytesMayBeThere)
            throw error
        }
    }

    /// Starts an upload, moving on from a key that something already holds.
    private func begin(
        _ intent: inout UploadIntent, _ admission: Admission, _ contentType: String
    ) async throws -> any BlobUpload {
        for _ in 0..<Self.keyAttempts {
            do {
                if let original = admission.request.original {
                    return try await original.store.beginCopy(
                        of: original.key, original.facts, as: intent.key, contentType: contentType)
                }
                return try await store.beginUpload(
                    as: intent.key, contentType: contentType, expectedSize: admission.request.length)
            } catch BlobStoreError.keyTaken {
                intent = try await catalog.move(intent, to: firstKeys(admission, contentType: contentType).suffixed)
            }
        }
        throw BlobStoreError.unavailable("three random keys in a row were taken")
    }

    private func receive(
        _ held: inout [ByteBuffer], _ iterator: inout some AsyncIteratorProtocol<ByteBuffer, any Error>,
        _ reception: inout Reception, into upload: any BlobUpload, _ intent: UploadIntent
    ) async throws -> SealedBlob {
        var renewal = Renewal(lease: policy.collection.intentLease, now: clock.now())
        for buffer in held { try await upload.write(buffer) }
        // Not kept for as long as the rest takes.
        held = []
        while let buffer = try await iterator.next(isolation: nil) {
            try await reception.judge(buffer)
            try await upload.write(buffer)
            await renewal.ifDue(clock.now(), catalog, intent)
        }
        try await reception.finish()
        let sealed = try await upload.seal()
        try reception.check(sealed)
        // The seal may have taken as long as the disk liked.
        await renewal.ifDue(clock.now(), catalog, intent)
        return sealed
    }

    static let keyAttempts = 3

    /// Gives the sealed bytes a key, moving on from one that something already holds.
    private func place(
        _ upload: any BlobUpload, _ first: UploadIntent, _ admission: Admission, _ contentType: String
    ) async throws -> UploadIntent {
        var intent = first
        for _ in 0..<Self.keyAttempts {
            do {
                try await upload.publish(as: intent.key)
                return intent
            } catch BlobStoreError.keyTaken {
                intent = try await catalog.move(intent, to: firstKeys(admission, contentType: contentType).suffixed)
            }
        }
        throw BlobStoreError.unavailable("three random keys in a row were taken")
    }

    private func publish(
        _ sealed: SealedBlob, _ intent: UploadIntent, _ admission: Admission, _ contentType: String
    ) async throws -> Outcome {
        let record = { (createdAt: Timestamp) in
            ObjectRecord(
                job: admission.found.job, object: admission.object, key: intent.key.text,
                contentType: contentType, size: sealed.size, sha256: sealed.sha256,
                etag: ETag(sealed.sha256), filename: admission.request.filename, createdAt: createdAt)
        }
        let outcome = try await catalog.publish(
            Publication(
                intent: intent, owner: admission.found.owner, record: record(clock.now()),
                expectation: admission.expectation, link: admission.request.link,
                rewrite: admission.request.rewrite))
        switch outcome {
        case .published(let createdAt):
            return Outcome(record: record(createdAt), created: admission.expectation == .absent)
        case .jobGone:
            throw Refusal.notFound
        case .changed:
            throw Refusal.preconditionFailed(current: nil)
        case .linkUsed:
            throw Refusal.linkUsed
        case .intentLost:
            throw Refusal.unavailable(.database)
        case .exists:
            let outcome = try await settle(admission)
            await close(intent, bytesMayBeThere: true)
            return outcome
        }
    }

    /// Somebody else's upload of the same object was published first; of the same bytes, it is as good.
    private func settle(_ admission: Admission) async throws -> Outcome {
        guard
            case .published(let theirs) =
                try await catalog.find(admission.found.job, admission.object)?.reference
        else { throw Refusal.notFound }
        guard admission.request.digest == theirs.sha256 else { throw Refusal.exists(theirs) }
        return Outcome(record: theirs, created: false)
    }

    private func firstKeys(
        _ admission: Admission, contentType: String
    ) throws(Refusal) -> (plain: ObjectKey, suffixed: ObjectKey) {
        try keys(
            admission.found.job, of: admission.found.owner, admission.object, admission.rule,
            contentType: contentType)
    }

    /// The names that an object of this type may have.
    func keys(
        _ job: JobID, of owner: UserID, _ object: ObjectName, _ rule: Policy.ObjectRule, contentType: String
    ) throws(Refusal) -> (plain: ObjectKey, suffixed: ObjectKey) {
        let fileExtension = MediaExtension.of(contentType, among: rule.extensions)
        do {
            return (
                try ObjectKey(user: owner, job: job, object: object, extension: fileExtension),
                try ObjectKey(
                    user: owner, job: job, object: object, suffix: random.keySuffix(), extension: fileExtension)
            )
        } catch {
            throw .badRequest("The user's or the job's id is too long to name an object by.")
        }
    }

    /// Closes the intent of an upload that failed, as well as can be: what cannot be told to the
    /// catalog now, the lease tells later.
    private func close(_ intent: UploadIntent, bytesMayBeThere: Bool) async {
        let catalog = catalog
        // A task of its own, since the uploader's may have been cancelled; awaited, so never adrift.
        await Task {
            if bytesMayBeThere {
                try? await catalog.abandon(intent)
            } else {
                try? await catalog.cancel(intent)
            }
        }.value
    }

    /// Renews an intent's lease when a third of it has passed.
    private struct Renewal {
        let lease: Duration
        var due: Timestamp

        init(lease: Duration, now: Timestamp) {
            self.lease = lease
            due = now + lease / 3
        }

        /// A renewal that fails is tried again soon; publication finds out if it never succeeded.
        mutating func ifDue(_ now: Timestamp, _ catalog: any Catalog, _ intent: UploadIntent) async {
            guard now > due else { return }
            let renewed: Void? = try? await catalog.renew(intent, lease: lease)
            due = now + (renewed == nil ? min(lease / 20, .seconds(5)) : lease / 3)
        }
    }
}
