import Foundation
import NIOCore

extension SupabaseCore {
    /// Adds bytes to an upload; a reply means that it takes no more.
    func take(_ bytes: ByteBuffer, _ transfer: SupabaseTransfer) -> SupabaseReply? {
        let error: SupabaseError? = withState { state in
            // In place and piece by piece: whoever holds the upload itself makes the bytes be copied.
            guard state.uploads[transfer.upload]?.lock?.holder.id == transfer.holder.id,
                let offset = state.uploads[transfer.upload]?.offset
            else { return .uploadNotFound }
            let most = state.uploads[transfer.upload]?.length ?? state.configuration.largestObject
            guard offset + bytes.readableBytes <= most else { return .uploadTooLong }
            state.uploads[transfer.upload]?.bytes.writeImmutableBuffer(bytes)
            return nil
        }
        guard let error else { return nil }
        breakOff(transfer)
        return error.plainReply.with(Self.tusFields)
    }

    /// Ends a transfer whose body did not come to its end.
    func breakOff(_ transfer: SupabaseTransfer) {
        withState { state in
            guard state.uploads[transfer.upload]?.lock?.holder.id == transfer.holder.id else { return }
            state.uploads[transfer.upload]?.lock = nil
            guard !state.configuration.keepsBrokenBytes else { return }
            state.uploads[transfer.upload]?.bytes.moveWriterIndex(to: transfer.start)
        }
    }

    /// Ends a transfer whose body is all there, and makes the object if it was the last.
    func finish(_ transfer: SupabaseTransfer) -> SupabaseReply {
        let (found, expiry) = withState { state in
            state.uploads[transfer.upload]?.lock = nil
            return (state.uploads[transfer.upload], state.configuration.tusExpiry)
        }
        guard let upload = found else { return SupabaseError.uploadNotFound.plainReply.with(Self.tusFields) }
        var reply = transfer.creation ?? SupabaseReply(204, headers: Self.tusFields)
        if transfer.creation == nil || upload.offset > 0 {
            reply = reply.with(["Upload-Offset": String(upload.offset)])
        }
        guard upload.isComplete else {
            return reply.with([
                "Upload-Expires": SupabaseText.httpDate(upload.created.addingTimeInterval(expiry.interval))
            ])
        }
        do throws(SupabaseError) {
            try store(
                upload.bytes, upload.form, upload.key, in: upload.bucket, isUpsert: transfer.isUpsert,
                version: upload.version, isInParts: true)
        } catch {
            return error.plainReply.with(Self.tusFields)
        }
        return reply.with(["Tus-Complete": "1"])
    }
}
