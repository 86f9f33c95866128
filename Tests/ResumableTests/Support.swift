import CustodeTesting
import Foundation
import Testing

extension Tag {
    /// Takes more than five seconds by its nature.
    @Tag static var slow: Self
}

/// A valid WAV of so many bytes in all.
func sound(_ count: Int, seed: UInt32 = 1) -> [UInt8] {
    Sample.wavHeader(samples: (count - 44) / 2) + Sample.noise(count - 44, seed: seed)
}

/// The fields of a request of tus.
let tus: HeaderList = ["Tus-Resumable": "1.0.0"]

/// `Upload-Metadata` of these keys and values.
func metadata(_ values: KeyValuePairs<String, String>) -> HeaderList {
    let items = values.map { "\($0.key) \(Data($0.value.utf8).base64EncodedString())" }
    return ["Upload-Metadata": items.joined(separator: ",")]
}

/// A resumable upload, as one of its clients sees it.
struct Upload: Sendable {
    /// Where requests go.
    let client: RawClient
    /// The path of the upload.
    let target: String
    /// Who asks.
    let credentials: HeaderList

    /// The same, by way of another service.
    func by(_ service: CustodeProcess) -> Upload {
        Upload(client: service.client, target: target, credentials: credentials)
    }

    /// Appends bytes by tus.
    func patch(
        _ bytes: [UInt8], at offset: Int, _ headers: HeaderList = [:], chunked: Bool = false
    ) async throws -> RawResponse {
        try await client.request(
            "PATCH", target, headers: credentials + Self.chunk(offset) + headers,
            body: chunked ? .chunked([bytes]) : .bytes(bytes))
    }

    /// Appends bytes by the draft.
    func append(
        _ bytes: [UInt8], at offset: Int, complete: Bool, _ headers: HeaderList = [:]
    ) async throws -> RawResponse {
        try await client.request(
            "PATCH", target, headers: credentials + Self.part(offset, complete) + headers, body: .bytes(bytes))
    }

    /// Asks how far it is; without the field of tus for one of the draft.
    func head(_ headers: HeaderList = tus) async throws -> RawResponse {
        try await client.request("HEAD", target, headers: credentials + headers)
    }

    /// The offset that is told.
    func offset(_ headers: HeaderList = tus) async throws -> Int? {
        try await head(headers).header("Upload-Offset").flatMap { Int($0) }
    }

    /// Begins a request whose body stays out.
    func stall(_ bytes: [UInt8], of count: Int, at offset: Int, chunked: Bool = false) async throws -> RawConnection {
        let connection = try await RawConnection.open(port: client.port)
        let framing: HeaderList =
            chunked ? ["Transfer-Encoding": "chunked"] : ["Content-Length": String(count)]
        try await connection.send(
            client.head("PATCH", target, headers: credentials + Self.chunk(offset) + framing, body: .raw([]))
                + (chunked ? RequestBody.chunk(bytes) : bytes))
        return connection
    }

    /// Gives it up.
    func delete() async throws -> RawResponse {
        try await client.request("DELETE", target, headers: credentials + tus)
    }

    private static func chunk(_ offset: Int) -> HeaderList {
        tus + ["Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset)]
    }

    private static func part(_ offset: Int, _ complete: Bool) -> HeaderList {
        [
            "Content-Type": "application/partial-upload", "Upload-Offset": String(offset),
            "Upload-Complete": complete ? "?1" : "?0",
        ]
    }
}

extension World {
    /// Creates an upload by tus and returns the reply.
    func create(
        _ headers: HeaderList, as caller: Caller = .alice, body: [UInt8]? = nil
    ) async throws -> RawResponse {
        let type: HeaderList = body == nil ? [:] : ["Content-Type": "application/offset+octet-stream"]
        return try await send(
            "POST", "/v1/uploads", as: caller, headers: tus + type + headers, body: body.map { .bytes($0) } ?? .none)
    }

    /// An upload by tus that must be given; `nil` for a length that is told later.
    func begin(
        _ length: Int?, _ object: String = "input", of job: TestJob, _ headers: HeaderList = [:]
    ) async throws -> Upload {
        let size: HeaderList =
            if let length { ["Upload-Length": String(length)] } else { ["Upload-Defer-Length": "1"] }
        let names = metadata(["job": job.id, "object": object])
        let reply = try await create(size + names + headers, as: .user(job.user))
        return try upload(reply, as: .user(job.user))
    }

    /// A partial upload by tus that is whole.
    func partial(_ bytes: [UInt8], as caller: Caller = .alice) async throws -> Upload {
        let reply = try await create(
            ["Upload-Concat": "partial", "Upload-Length": String(bytes.count)], as: caller, body: bytes)
        guard reply.header("Upload-Offset") == String(bytes.count) else { throw HarnessError(reply.summary) }
        return try upload(reply, as: caller)
    }

    /// The upload that a reply tells of.
    func upload(_ reply: RawResponse, as caller: Caller = .alice) throws -> Upload {
        guard reply.status == 201, let location = reply.header("Location") else { throw HarnessError(reply.summary) }
        return Upload(
            client: service.client, target: try World.target(of: location), credentials: credentials(of: caller))
    }

    /// Expects that an object is these bytes, and no others.
    func expect(
        _ object: String = "input", of job: TestJob, is bytes: [UInt8],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let reply = try await get(object, of: job)
        #expect(reply.status == 200, "\(reply.summary)", sourceLocation: sourceLocation)
        let difference = Sample.firstDifference(reply.body, bytes)
        #expect(
            difference == nil, "\(reply.body.count) bytes for \(bytes.count)", sourceLocation: sourceLocation)
    }
}

/// Expects a refusal with its fields of tus.
func expectRefusal(_ reply: RawResponse, _ status: Int, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(reply.status == status, "\(reply.summary)", sourceLocation: sourceLocation)
    #expect(reply.header("Tus-Resumable") == "1.0.0", "\(reply.summary)", sourceLocation: sourceLocation)
}
