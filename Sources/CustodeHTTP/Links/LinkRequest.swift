internal import CustodeCore
internal import FoundationEssentials
internal import NIOCore

/// A link somebody asks for, as JSON.
struct LinkRequest: Decodable {
    let jobID: String?
    let object: String
    let operation: String?
    let ttlSeconds: Int?
    let disposition: String?
    let once: Bool?
    let maximumBytes: Int64?

    enum CodingKeys: String, CodingKey {
        case jobID = "job_id"
        case object
        case operation
        case ttlSeconds = "ttl_seconds"
        case disposition
        case once
        case maximumBytes = "max_bytes"
    }

    /// Several of them.
    struct Batch: Decodable {
        let links: [LinkRequest]
    }

    /// What a link is to say, checked against the policy.
    struct Terms {
        let object: ObjectName
        let operation: LinkOperation
        let ttl: Duration
        let disposition: Disposition
        let once: Bool
        let maximumBytes: Int64?
    }

    /// Checks what can be checked without the job.
    ///
    /// - Throws: `badRequest` that says what to mend; `notFound` for an object nobody has.
    func terms(_ policy: Policy) throws(Refusal) -> Terms {
        guard let operation = LinkOperation(name: self.operation ?? "download") else {
            throw .badRequest("operation is download or upload.")
        }
        guard let disposition = Disposition(name: self.disposition ?? "attachment") else {
            throw .badRequest("disposition is inline or attachment.")
        }
        let longest = policy.links.maximumTTL.components.seconds
        let ttl = ttlSeconds.map(Int64.init) ?? policy.links.defaultTTL.components.seconds
        guard (1...longest).contains(ttl) else { throw .badRequest("ttl_seconds goes from 1 to \(longest).") }
        if let maximumBytes {
            guard operation == .upload else { throw .badRequest("max_bytes is for uploads.") }
            guard maximumBytes > 0 else { throw .badRequest("max_bytes is at least 1.") }
        }
        guard let object = ObjectName(object), policy.rule(for: object) != nil else { throw .notFound }
        return Terms(
            object: object, operation: operation, ttl: .seconds(ttl), disposition: disposition, once: once ?? false,
            maximumBytes: maximumBytes)
    }

    /// Reads JSON.
    ///
    /// - Throws: `badRequest` that names what is wrong.
    static func decode<T: Decodable>(_ type: T.Type, from body: ByteBuffer) throws(Refusal) -> T {
        // Whoever stands in between and looks at it must see what is seen here.
        guard JSONMembers.areUnique(in: body.readableBytesView) else {
            throw .badRequest("The body is not JSON, or names a member twice.")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(body.readableBytesView))
        } catch let error as DecodingError {
            throw .badRequest("The body is not the JSON wanted here: \(explanation(error))")
        } catch {
            throw .badRequest("The body is not JSON.")
        }
    }

    private static func explanation(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "\(key.stringValue) is missing."
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\(context.codingPath.map(\.stringValue).joined(separator: ".")) is of the wrong type."
        default: "it cannot be read."
        }
    }
}
