extension ResumableUploads {
    /// Tells how an upload stands.
    ///
    /// A request that appends to it is ended first, so that the offset is final; one whose bytes are all there is published.
    public func status(_ caller: Caller, _ id: UploadID) async throws -> Standing {
        let (found, isHeld) = try await authorized(id, caller)
        switch found.state {
        case .done: return standing(of: found)
        case .ended(let ending): throw Refusal(ending)
        case .receiving where !found.parts.isEmpty: return .receiving(found)
        case .receiving where !isHeld && !isWhole(found): return .receiving(found)
        case .receiving, .completing: break
        }
        return try await advanced(try await hold(id, appends: isWhole(found)))
    }

    /// Gives an upload up.
    ///
    /// Of one that was published, only the name goes.
    public func terminate(_ caller: Caller, _ id: UploadID) async throws {
        _ = try await authorized(id, caller)
        var held = try await hold(id)
        if case .completing = held.state {
            // Its bytes may be at their key already: they become the object, or collection's.
            _ = try? await publish(held)
            held = try await hold(id)
        }
        switch held.state {
        case .receiving: try await end(held, .terminated)
        case .completing:
            await letGo(held)
            throw Refusal.unavailable(.bucket)
        case .done(let record):
            held.state = .ended(.terminated)
            try await note(held, release: true)
            if record == nil { try? await store.discard(held.staged, as: nil, isPublished: false) }
        case .ended(let ending):
            await letGo(held)
            throw Refusal(ending)
        }
    }

    /// Gives up an upload that was begun just now and whose name nobody was told; one of which all is stored goes on.
    public func abandon(_ begun: ResumableUpload) async {
        // The request's own task may have been cancelled; awaited, so never adrift.
        await Task { [self] in
            let claim = try? await uploads.claim(begun.id, lease: AppendWatch.lease, .overAppending, appends: false)
            guard case .held(let upload) = claim else { return }
            switch upload.state {
            case .receiving: try? await end(upload, .terminated)
            case .completing, .done, .ended: await letGo(upload)
            }
        }.value
    }

    /// Does what is due for an upload that is held, and lets go of it.
    private func advanced(_ held: ResumableUpload) async throws -> Standing {
        switch held.state {
        case .receiving where isWhole(held): return try await complete(held)
        case .completing: return try await publish(held)
        case .ended(let ending):
            await letGo(held)
            throw Refusal(ending)
        case .receiving, .done:
            await letGo(held)
            return standing(of: held)
        }
    }

    /// Whether all bytes of an upload have come, though nobody finished it.
    private func isWhole(_ upload: ResumableUpload) -> Bool {
        upload.dialect == .tus && upload.offset == upload.length && upload.parts.isEmpty
    }

    /// Finishes, joins or gives up, for what no client will come back: complete uploads, and those that rested too long.
    ///
    /// - Returns: How many there were.
    public func tidy(limit: Int = 100) async throws -> Int {
        let due = try await uploads.due(limit: limit)
        for id in due {
            try Task.checkCancellation()
            guard case .held(let upload) = try await uploads.claim(id, lease: AppendWatch.lease, .none, appends: true)
            else {
                continue
            }
            await attend(upload)
        }
        try await uploads.forget(endedFor: policy.uploads.expires)
        return due.count
    }

    /// What fails now is due again when the lease has run out.
    private func attend(_ upload: ResumableUpload) async {
        switch upload.state {
        case .completing: _ = try? await publish(upload)
        case .receiving where !upload.parts.isEmpty && upload.expires > clock.now():
            _ = try? await join(upload)
        case .receiving where isWhole(upload): _ = try? await complete(upload)
        case .receiving, .done(nil): try? await end(upload, .expired)
        case .done, .ended: await letGo(upload)
        }
    }

    /// Drops what the store keeps of uploads that are not remembered, or have ended.
    ///
    /// - Parameter cutoff: By the store's clock; what was written to later may not be remembered yet.
    public func dropForgotten(before cutoff: Timestamp) async throws {
        let listing = store.list(ListingScope(prefix: StagedBlob.folder))
        while let page = try await listing.next() {
            try Task.checkCancellation()
            let old = page.blobs.filter { $0.facts.modified < cutoff }
                .compactMap { blob in StagedBlob.owner(of: blob.key).map { (key: blob.key, id: $0) } }
            let isOpen = try await uploads.open(old.map(\.id))
            let dead = zip(old, isOpen).filter { !$0.1 }.map(\.0.key)
            _ = await store.removeStaged(dead)
        }
    }
}
