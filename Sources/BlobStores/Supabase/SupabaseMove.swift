internal import Cryptography
internal import CustodeCore
internal import HTTPFetch
internal import NIOCore

/// Moves one object: by the service itself, or, if it is too large for that, by a copy of ours and the removal of the source.
///
/// The service copies the bytes and then changes the name in one transaction: it is never at both places.
struct SupabaseMove {
    /// What the service copies in one go on S3, which knows no more.
    static let largestCopy: Int64 = 5 * 1_000 * 1_000 * 1_000
    private static let copyStall = Duration.seconds(300)
    private static let attempts = 4

    let store: SupabaseStore
    let move: BlobMove
    let mayGoOn: @Sendable () -> Bool
    var largestCopy = Self.largestCopy

    func run() async -> BlobMove.Outcome {
        guard mayGoOn() else { return .failed(.cancelled) }
        do throws(BlobStoreError) {
            if let outcome = try await settled() { return outcome }
            return move.expected.size > largestCopy ? try await copy() : try await rename()
        } catch {
            return .failed(error)
        }
    }

    /// What is to be said without moving anything; `nil` if the move is still to be made.
    private func settled() async throws(BlobStoreError) -> BlobMove.Outcome? {
        let source = try await store.find(move.from)
        let target = try await store.look(move.to)
        guard let source else {
            guard let target else { return .absent }
            return isWhatWasMoved(target) ? .moved : .changed
        }
        guard source.etag == move.expected.etag, source.size == move.expected.size else { return .changed }
        guard let target else { return nil }
        // Both at once: a copy of ours on its way, or what is another's.
        return target.nonce == nonce && target.size == move.expected.size ? nil : .changed
    }

    private func isWhatWasMoved(_ found: SupabaseFound) -> Bool {
        guard found.size == move.expected.size else { return false }
        // The tag of an object that came in parts is not that of its copy.
        let isComparable =
            SupabaseFound.tellsBytes(found.etag) && SupabaseFound.tellsBytes(move.expected.etag)
        return !isComparable || found.etag == move.expected.etag
    }

    private func rename() async throws(BlobStoreError) -> BlobMove.Outcome {
        var request = SupabaseRequest(
            "POST", "/object/move",
            json: SupabaseJSON.Move(
                bucketId: store.configuration.bucket, sourceKey: move.from, destinationKey: move.to))
        request.stall = Self.copyStall
        request.isRepeatable = false
        request.mayGoOn = mayGoOn
        // What is sent again later might find what was restored.
        request.isNeverResent = true
        var last: SupabaseError?
        for attempt in 1...Self.attempts {
            // Looks and pauses may have outlasted the claim.
            guard mayGoOn() else {
                guard let last else { throw .cancelled }
                throw refusal(last)
            }
            do throws(SupabaseError) {
                try await store.client.head(request)
            } catch {
                last = error
                guard error.mayBeDone || error.isPassing || error.meansAbsent || error.meansTaken else {
                    throw refusal(error)
                }
            }
            // Whatever was answered, what is there is what counts.
            let outcome = await uninterrupted {
                await Result.of { () throws(BlobStoreError) in try await settled() }
            }
            if let outcome = try outcome.get() { return outcome }
            guard let last, attempt < Self.attempts, last.isPassing, mayGoOn() else { break }
            do { try await store.retries.pause(.milliseconds(200 << attempt)) } catch _ { break }
        }
        guard let last else {
            throw .unavailable("Supabase Storage answers that it moved an object, and did not")
        }
        throw refusal(last)
    }

    /// Work has begun: this is no longer the untouched object that a cancelled move leaves.
    private func refusal(_ error: SupabaseError) -> BlobStoreError {
        error.code == SupabaseError.cancelled
            ? .unavailable("given up while an object was moved") : store.unavailable(error)
    }

    /// What tells the copy of this move from every other object.
    private var nonce: String {
        Hex.encode(SHA256.hash(Array("\(move.from) \(move.expected.etag) \(move.expected.size)".utf8)).prefix(16))
    }

    /// Copies through this process, and removes the source.
    private func copy() async throws(BlobStoreError) -> BlobMove.Outcome {
        guard let source = try await store.find(move.from) else { return .absent }
        guard source.etag == move.expected.etag, source.size == move.expected.size else { return .changed }
        if try await store.look(move.to) == nil {
            let target = SupabaseTarget(
                key: move.to, contentType: source.contentType ?? "application/octet-stream", nonce: nonce)
            let upload = SupabaseUpload(target, expectedSize: source.size, store: store)
            do throws(BlobStoreError) {
                try await pass(source, to: upload)
            } catch {
                await upload.discard()
                if error == .keyTaken { return .changed }
                throw error
            }
        }
        guard let copied = try await store.look(move.to), copied.nonce == nonce, copied.size == source.size else {
            throw .unavailable("the copy of an object is not what was copied")
        }
        guard let still = try await store.look(move.from) else { return .moved }
        guard still.facts == source.facts else { return .changed }
        guard mayGoOn() else { throw .unavailable("the copy of an object took longer than the claim on it") }
        let failures = await store.removeForGood([move.from], while: mayGoOn, isNeverResent: true)
        if let failure = failures.first ?? nil {
            throw failure == .cancelled ? .unavailable("given up while an object was removed from its place") : failure
        }
        return .moved
    }

    private func pass(_ source: SupabaseFound, to upload: SupabaseUpload) async throws(BlobStoreError) {
        let blob = try await store.open(move.from, reading: nil)
        guard blob.size == source.size else { throw .unavailable("an object was written anew while it was copied") }
        do {
            for try await bytes in blob.read(ByteRange(first: 0, last: blob.size - 1)) {
                guard mayGoOn() else { throw BlobStoreError.cancelled }
                try await upload.write(bytes)
            }
        } catch {
            throw error as? BlobStoreError ?? .cancelled
        }
        _ = try await upload.seal()
        try await upload.publish()
    }
}
