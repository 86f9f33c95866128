public import CustodeCore
internal import HTTPFetch

extension S3Store: InspectableStore {
    /// Tries out the clock, the permissions, the conditions, and that nobody else may read.
    public func inspect() async -> [StoreFinding] {
        do throws(BlobStoreError) {
            try await probe()
        } catch {
            return [StoreFinding("bucket", isGood: false, error.description)]
        }
        return [
            StoreFinding("bucket", isGood: true, "\(configuration.bucket) at \(configuration.endpoint)"),
            await inspectClock(against: clockSource), await inspectPermissions(),
            await inspect("bucket conditional writes", conditionalWriting, "a look before each write stands in for it"),
            await inspect(
                "bucket conditional deletes", conditionalRemoval, "a look before each removal stands in for it"),
            await inspectPrivacy(),
        ]
    }

    /// Does once what the service does all day.
    private func inspectPermissions() async -> StoreFinding {
        let (key, copy) = (probeKey(), probeKey())
        var copying = S3Request("PUT", copy)
        copying.headers = [("x-amz-copy-source", "/\(configuration.bucket)/\(SigV4.encode(key, keepingSlashes: true))")]
        var listing = S3Request("GET", nil)
        listing.query = [("uploads", ""), ("max-uploads", "1")]
        let steps: [(name: String, action: String, request: S3Request)] = [
            ("write", "s3:PutObject", S3Request("PUT", key)), ("read", "s3:GetObject", S3Request("GET", key)),
            ("copy", "s3:GetObject and s3:PutObject", copying),
            ("list unfinished uploads", "s3:ListBucketMultipartUploads", listing),
            ("remove", "s3:DeleteObject", S3Request("DELETE", key)),
            ("remove", "s3:DeleteObject", S3Request("DELETE", copy)),
        ]
        for step in steps {
            do throws(S3Error) {
                _ = try await sender.bytes(step.request)
            } catch {
                for left in [key, copy] { await removeProbe(left) }
                return StoreFinding(
                    "bucket permissions", isGood: false,
                    "cannot \(step.name): \(unavailable(error)); it needs \(step.action)")
            }
        }
        do throws(BlobStoreError) {
            let id = try await beginMultipart(key, nonce: "probe")
            if let failure = await abort(id, key) { throw failure }
        } catch {
            return StoreFinding(
                "bucket permissions", isGood: false,
                "cannot begin and abort an upload in parts: \(error); it needs s3:AbortMultipartUpload")
        }
        return StoreFinding("bucket permissions", isGood: true, "reads, writes, copies, lists and removes")
    }

    private func inspect(_ name: String, _ capability: Capability, _ otherwise: String) async -> StoreFinding {
        do throws(BlobStoreError) {
            let isHonoured = try await capability.isHonoured(by: self)
            return StoreFinding(name, isGood: true, isHonoured ? "honoured" : "not honoured; \(otherwise)")
        } catch {
            return StoreFinding(name, isGood: false, error.description)
        }
    }

    /// Looks at the bucket as anybody may.
    private func inspectPrivacy() async -> StoreFinding {
        do throws(S3Error) {
            let isListed = try await client.anonymousStatus(nil) == 200
            let isRead = try await withProbe { key throws(S3Error) in try await client.anonymousStatus(key) == 200 }
            guard isListed || isRead else {
                return StoreFinding("bucket privacy", isGood: true, "strangers can neither list nor read it")
            }
            return StoreFinding(
                "bucket privacy", isGood: false,
                "anybody can \(isListed ? "list" : "read") it; take back its public ACL, and give it policies/bucket/s3.json"
            )
        } catch {
            return StoreFinding("bucket privacy", isGood: false, unavailable(error).description)
        }
    }
}
