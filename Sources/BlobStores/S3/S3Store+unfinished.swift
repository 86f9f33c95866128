public import CustodeCore

extension S3Store {
    /// Multipart uploads that are open (ListMultipartUploads).
    public func unfinished(after last: UnfinishedUpload?) async throws(BlobStoreError) -> [UnfinishedUpload] {
        var request = S3Request("GET", nil)
        request.query = [("uploads", ""), ("encoding-type", "url"), ("max-uploads", "1000")]
        if let last { request.query += [("key-marker", last.key), ("upload-id-marker", last.id)] }
        do throws(S3Error) {
            let document = try await sender.document(request)
            // A service may tell the one that it was to go on after once more.
            return document.all("Upload").compactMap { upload in
                guard let key = upload.text("Key").flatMap(S3Listing.decode), let id = upload.text("UploadId"),
                    let begun = upload.text("Initiated").flatMap(S3Listing.moment)
                else { return nil }
                return UnfinishedUpload(key: key, id: id, begun: begun)
            }.filter { $0 != last }
        } catch {
            throw unavailable(error)
        }
    }

    /// Forgets the parts of multipart uploads.
    public func abort(
        _ uploads: [UnfinishedUpload], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobStoreError?] {
        await Crowd.run(uploads) { upload in mayGoOn() ? await self.abort(upload.id, upload.key) : .cancelled }
    }
}
