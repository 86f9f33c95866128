internal import CustodeCore
internal import HTTPFetch

extension S3ServerCopy {
    static let usualPart: Int64 = 1_024 * 1_024 * 1_024

    /// Copies what is too large for one request, range by range.
    func runInParts() async throws(S3Error) {
        var begin = S3Request("POST", to)
        begin.query = [("uploads", "")]
        begin.headers = headers
        guard let id = try await store.sender.document(begin).text("UploadId") else {
            throw S3Error(
                status: 200, code: "MalformedReply", message: "an upload without an id", mayBeDone: true,
                isPassing: false)
        }
        let parts: [S3Part]
        do throws(S3Error) {
            parts = try await copyParts(id)
        } catch {
            await store.abort(id, to)
            throw error
        }
        do throws(S3Error) {
            try await finish(id, parts)
        } catch {
            // What may be complete is not taken apart.
            if !error.mayBeDone { await store.abort(id, to) }
            throw error
        }
    }

    private func copyParts(_ id: String) async throws(S3Error) -> [S3Part] {
        var parts: [S3Part] = []
        var offset: Int64 = 0
        while offset < source.size {
            let last = min(offset + partSize, source.size) - 1
            var request = S3Request("PUT", to)
            request.query = [("partNumber", String(parts.count + 1)), ("uploadId", id)]
            request.headers = [
                ("x-amz-copy-source", "/\(store.configuration.bucket)/\(SigV4.encode(from, keepingSlashes: true))"),
                ("x-amz-copy-source-if-match", source.etag), ("x-amz-copy-source-range", "bytes=\(offset)-\(last)"),
            ]
            request.stall = Self.stall
            let document = try await store.sender.document(request)
            try S3Store.checkCompletion(document)
            parts.append(S3Part(number: parts.count + 1, etag: document.text("ETag") ?? ""))
            offset = last + 1
        }
        return parts
    }

    private func finish(_ id: String, _ parts: [S3Part]) async throws(S3Error) {
        let document = S3Document(completing: parts)
        var request = S3Request("POST", to)
        request.query = [("uploadId", id)]
        request.headers = [("content-type", "application/xml")] + conditions
        request.body = document.body
        request.payloadHash = document.hash
        request.isRepeatable = false
        request.stall = Self.stall
        try S3Store.checkCompletion(try await store.sender.document(request))
    }
}
