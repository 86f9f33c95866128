import CustodeCore
import CustodeTesting

/// Values that tests agree on.
enum Sample {
    static let user = known(UserID("auth0|alice"))
    static let otherUser = known(UserID("auth0|bob"))
    static let job = known(JobID("0198c0de-0000-7000-8000-00000000abcd"))
    static let transcript = known(ObjectName("transcript"))

    static func known<T>(_ value: T?) -> T {
        guard let value else { preconditionFailure("a sample is malformed") }
        return value
    }

    static func found(
        _ reference: JobObject.Reference? = nil, owner: UserID = user, type: String = "transcription", epoch: UInt32 = 0
    ) -> JobObject {
        JobObject(job: job, owner: owner, type: JobType(type), linkEpoch: epoch, reference: reference)
    }

    static func record(
        _ bytes: [UInt8], key: String = "users/auth0=7calice/jobs/x/input/original.wav", object: ObjectName = .input,
        at created: Timestamp = Timestamp(seconds: 1_790_000_000)
    ) -> ObjectRecord {
        let digest = known(Digest(SHA256.digest(bytes)))
        return ObjectRecord(
            job: job, object: object, key: key, contentType: "audio/wav", size: Int64(bytes.count), sha256: digest,
            etag: ETag(digest), filename: nil, createdAt: created)
    }

    /// The file `policies/storage.yaml`, flattened.
    static let policyFile: [String: PolicyValue] = [
        "objects.input.families": .list(["audio", "video", "text", "json", "subtitles"]),
        "objects.input.max_bytes": .scalar("5GiB"),
        "objects.input.extensions": .list(["bin", "wav", "mp3", "txt", "json"]),
        "objects.transcript.families": .list(["text"]),
        "objects.transcript.max_bytes": .scalar("64MiB"),
        "objects.transcript.extensions": .list(["txt"]),
        "objects.json.families": .list(["json", "text"]),
        "objects.json.max_bytes": .scalar("256MiB"),
        "objects.json.extensions": .list(["json", "txt"]),
        "jobs.transcription.input.families": .list(["audio", "video"]),
        "jobs.transcription.input.max_bytes": .scalar("4GiB"),
        "jobs.translation.input.families": .list(["text", "subtitles", "json", "audio", "video"]),
        "jobs.translation.input.max_bytes": .scalar("6GiB"),
        "links.default_ttl": .scalar("120s"),
        "links.max_ttl": .scalar("15m"),
        "uploads.expires": .scalar("24h"),
        "uploads.max_open_per_user": .scalar("100"),
        "uploads.max_bytes_per_user_per_day": .scalar("1TiB"),
        "rates.service_key.requests_per_second": .scalar("0"), "rates.service_key.burst": .scalar("0"),
        "rates.service_key.links_per_minute": .scalar("0"), "rates.user.requests_per_second": .scalar("0"),
        "rates.user.burst": .scalar("0"), "rates.user.links_per_minute": .scalar("0"),
        "rates.user_token.requests_per_second": .scalar("50"), "rates.user_token.burst": .scalar("500"),
        "rates.user_token.links_per_minute": .scalar("3000"),
        "collection.outbox_delay": .scalar("15m"),
        "collection.worker_poll": .scalar("5s"),
        "collection.grace": .scalar("48h"),
        "collection.runs_apart": .scalar("20h"),
        "collection.trash_ttl": .scalar("14d"),
        "collection.intent_lease": .scalar("1h"),
        "collection.legacy_references": .list([]),
        "collection.brakes.percent": .scalar("2"),
        "collection.brakes.min_objects": .scalar("100"),
        "collection.brakes.objects": .scalar("10000"),
        "collection.brakes.bytes": .scalar("1TiB"),
        "collection.brakes.users": .scalar("50"),
        "collection.brakes.live_percent": .scalar("90"),
    ]

    static func policy() throws -> Policy { try Policy(file: policyFile, environment: [:]) }
}
