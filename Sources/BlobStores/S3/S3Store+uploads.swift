internal import CustodeCore
internal import HTTPFetch

extension S3Store {
    static let nonceField = "custode-upload"
    /// How often a publication is tried, should the service's reply be lost.
    private static let publications = 4
    /// Putting parts together may take a service minutes.
    private static let completionStall = Duration.seconds(300)

    static func metadata(_ nonce: String) -> [(name: String, value: String)] {
        [("content-type", "application/octet-stream"), (S3Found.metadataPrefix + nonceField, nonce)]
    }

    /// Makes a small object, never over another.
    func put(_ part: SpooledPart, as key: String, nonce: String) async throws(BlobStoreError) {
        var request = S3Request("PUT", key)
        request.headers = Self.metadata(nonce) + [("if-none-match", "*")]
        request.body = part.body
        request.payloadHash = part.hash
        request.isRepeatable = false
        let ready = request
        if !(try await conditionalWriting.isHonoured(by: self)), try await find(key) != nil { throw .keyTaken }
        try await publish(key, nonce: nonce) { () throws(S3Error) in _ = try await self.sender.head(ready) }
    }

    /// Makes an object of its parts, never over another.
    func complete(
        _ id: String, _ parts: [S3Part], as key: String, size: Int64, nonce: String
    ) async throws(BlobStoreError) {
        let document = S3Document(completing: parts)
        var request = S3Request("POST", key)
        request.query = [("uploadId", id)]
        request.headers = [("content-type", "application/xml"), ("if-none-match", "*")]
        request.body = document.body
        request.payloadHash = document.hash
        request.isRepeatable = false
        request.stall = Self.completionStall
        // Where the header is not known, this look is what keeps the key from being written twice.
        if try await look(key) != nil { throw .keyTaken }
        let ready = request
        try await publish(key, nonce: nonce) { () throws(S3Error) in try await self.completeOnce(ready) }
        guard let found = try await settled(key), found.size == size else {
            throw .unsettled("the bucket's service put an object together that is not of its size")
        }
    }

    /// One attempt; the service may have begun its reply with 200 before it knew how it would end.
    private func completeOnce(_ request: S3Request) async throws(S3Error) {
        do throws(S3Error) {
            try Self.checkCompletion(try await sender.document(request))
        } catch  where error.status == 501 {
            var plain = request
            plain.headers.removeAll { $0.name == "if-none-match" }
            try Self.checkCompletion(try await sender.document(plain))
        }
    }

    static func checkCompletion(_ document: XMLTree) throws(S3Error) {
        guard document.name == "Error" else { return }
        let code = document.text("Code") ?? "InternalError"
        // These say that nothing was done; all others may mean anything.
        let isDefinite = ["InvalidPart", "InvalidPartOrder", "EntityTooSmall", "NoSuchUpload", "PreconditionFailed"]
            .contains(code)
        throw S3Error(
            status: 200, code: code, message: document.text("Message") ?? "", mayBeDone: !isDefinite,
            isPassing: !isDefinite)
    }

    /// Publishes by requests that may be lost on their way, there or back.
    ///
    /// After each that nobody knows the end of the key is looked at: the upload's own mark tells whether it was done.
    func publish(
        _ key: String, nonce: String, _ attempt: () async throws(S3Error) -> Void
    ) async throws(BlobStoreError) {
        var isUncertain = false
        for number in 1...Self.publications {
            do throws(S3Error) {
                return try await attempt()
            } catch {
                let isTaken = error.isPreconditionFailed || error.code == "ConditionalRequestConflict"
                // An upload that is gone may have been completed: by the attempt before, or by this one, which libcurl sends
                // again where a connection died.
                let mayBeDone = error.mayBeDone || isTaken || error.code == "NoSuchUpload"
                guard mayBeDone else { throw isUncertain ? .unsettled(error.message) : refusal(error) }
                if let found = try await settled(key) {
                    if found.metadata[Self.nonceField] == nonce { return }
                    throw .keyTaken
                }
                if error.code == "NoSuchUpload" {
                    let text = "the bucket's service lost an upload in parts"
                    throw isUncertain ? .unsettled(text) : .unavailable(text)
                }
                if error.code == S3Error.cancelled { throw .unsettled("the uploader gave up while it was published") }
                isUncertain = isUncertain || !isTaken
                let pause = Duration.milliseconds(Int(random.bytes(1)[0]) << number)
                do { try await Task.sleep(for: pause) } catch _ { throw .unsettled("given up while it was published") }
            }
        }
        throw .unsettled("the bucket's service did not say whether an object was made")
    }

    /// What lies at a key of which nobody knows whether it was written.
    private func settled(_ key: String) async throws(BlobStoreError) -> S3Found? {
        let found = await uninterrupted {
            await Result.of { () throws(BlobStoreError) in try await self.find(key) }
        }
        return try found.mapError { BlobStoreError.unsettled("\($0)") }.get()
    }

    func beginMultipart(_ key: String, nonce: String) async throws(BlobStoreError) -> String {
        var request = S3Request("POST", key)
        request.query = [("uploads", "")]
        request.headers = Self.metadata(nonce)
        do throws(S3Error) {
            guard let id = try await sender.document(request).text("UploadId"), !id.isEmpty else {
                throw S3Error(
                    status: 200, code: "MalformedReply", message: "an upload without an id", mayBeDone: true,
                    isPassing: false)
            }
            return id
        } catch {
            throw unavailable(error)
        }
    }

    func send(
        _ part: SpooledPart, as number: Int, of id: String, _ key: String
    ) async throws(BlobStoreError) -> S3Part {
        var request = S3Request("PUT", key)
        request.query = [("partNumber", String(number)), ("uploadId", id)]
        request.body = part.body
        request.payloadHash = part.hash
        do throws(S3Error) {
            guard let etag = try await sender.head(request)["etag"] else {
                throw S3Error(
                    status: 200, code: "MalformedReply", message: "a part without a tag", mayBeDone: true,
                    isPassing: false)
            }
            return S3Part(number: number, etag: etag)
        } catch {
            throw unavailable(error)
        }
    }

    /// Forgets the parts of an upload; `nil` or why that failed.
    @discardableResult
    func abort(_ id: String, _ key: String) async -> BlobStoreError? {
        var request = S3Request("DELETE", key)
        request.query = [("uploadId", id)]
        let ready = request
        let aborted = await uninterrupted {
            await Result.of { () throws(S3Error) in try await self.sender.head(ready) }
        }
        guard case .failure(let error) = aborted, error.code != "NoSuchUpload", !error.meansAbsent else { return nil }
        return refusal(error)
    }

    /// What an error means where no object is asked for: never that one is absent.
    func unavailable(_ error: S3Error) -> BlobStoreError {
        let meaning = refusal(error)
        return meaning == .absent ? .unavailable("the bucket's service answers \(error.code)") : meaning
    }
}
