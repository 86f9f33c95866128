import CustodeTesting
import Foundation
import Testing

/// tus as the server speaks it: in prose, with true statuses.
@Suite("Supabase stand-in: tus", .timeLimit(.minutes(2)))
struct StandInTusTests {
    private static let endpoint = "/upload/resumable"
    private static let tus: HeaderList = ["Tus-Resumable": "1.0.0"]

    private static func metadata(_ key: String, _ more: [String: String] = [:]) -> String {
        let values = ["bucketName": "box", "objectName": key].merging(more) { $1 }
        return values.map { "\($0) \(Data($1.utf8).base64EncodedString())" }.joined(separator: ",")
    }

    private static func create(
        _ project: Project, _ key: String = "x", length: Int, _ more: HeaderList = [:], _ body: RequestBody = .none
    ) async throws -> RawResponse {
        let fields: HeaderList = [
            "Upload-Length": String(length),
            "Upload-Metadata": metadata(
                key, ["contentType": "audio/wav", "cacheControl": "60", "metadata": #"{"a":1}"#]),
        ]
        return try await project.request("POST", endpoint, tus + fields + more, body)
    }

    /// The upload's path below the base, whatever host its location names.
    private static func path(_ reply: RawResponse) throws -> String {
        let location = try #require(reply.header("Location"), "\(reply.summary)")
        return endpoint + "/" + (location.split(separator: "/").last ?? "")
    }

    private static func patchFields(_ offset: Int) -> HeaderList {
        tus + ["Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream"]
    }

    private static func patch(
        _ project: Project, _ path: String, _ text: String, at offset: Int, _ more: HeaderList = [:]
    ) async throws -> RawResponse {
        try await project.request("PATCH", path, patchFields(offset) + more, .text(text))
    }

    private static func expectPlain(
        _ reply: RawResponse, _ status: Int, at place: SourceLocation = #_sourceLocation
    ) {
        #expect(reply.status == status, "\(reply.summary)", sourceLocation: place)
        #expect(reply.json == .null, sourceLocation: place)
        #expect(!reply.body.isEmpty, sourceLocation: place)
    }

    @Test("an object comes with the last byte, and with what the creation told of it")
    func whole() async throws {
        let project = try await Project.start()
        let made = try await Self.create(project, "a/x", length: 6)
        #expect(made.status == 201)
        #expect(
            made.header("Location")?.hasPrefix("https://storage.supabase.example/storage/v1/upload/resumable/") == true)
        #expect(made.header("Upload-Expires") != nil)
        let path = try Self.path(made)
        let first = try await Self.patch(project, path, "abc", at: 0)
        #expect(first.status == 204)
        #expect(first.header("Upload-Offset") == "3")
        #expect(first.header("Tus-Complete") == nil)
        #expect(project.server.objects(in: "box").isEmpty)
        #expect(project.server.openUploads.map(\.offset) == [3])
        Self.expectPlain(try await Self.patch(project, path, "abc", at: 0), 409)
        let head = try await project.request("HEAD", path, Self.tus)
        #expect(head.status == 200)
        #expect(head.header("Upload-Offset") == "3")
        #expect(head.header("Upload-Length") == "6")
        Self.expectPlain(try await Self.patch(project, path, "defg", at: 3), 413)
        let last = try await Self.patch(project, path, "def", at: 3)
        #expect(last.header("Tus-Complete") == "1")
        let object = try #require(project.server.objects(in: "box").first)
        #expect(object.name == "a/x")
        #expect(object.metadata == ["a": 1])
        #expect(object.contentType == "audio/wav")
        #expect(object.cacheControl == "max-age=60")
        #expect(object.etag.hasSuffix("-1\""), "an upload in one part")
        #expect(project.server.bytes(of: "a/x", in: "box") == Array("abcdef".utf8))
        #expect(try await project.request("DELETE", path, Self.tus + ["x-upsert": "true"]).status == 400)
    }

    @Test("the first bytes may ride on the creation")
    func creationWithBytes() async throws {
        let project = try await Project.start()
        let typed: HeaderList = ["Content-Type": "application/offset+octet-stream"]
        let part = try await Self.create(project, length: 6, typed, .text("abc"))
        #expect(part.status == 201)
        #expect(part.header("Upload-Offset") == "3")
        let all = try await Self.create(project, "y", length: 3, typed, .text("abc"))
        #expect(all.header("Tus-Complete") == "1")
        #expect(try await Self.create(project, "z", length: 0).status == 201)
        #expect(project.server.objects(in: "box").map(\.name) == ["y", "z"])
    }

    @Test("over an existing object, the creation fails already, each request must say upsert, and the end looks again")
    func existing() async throws {
        let project = try await Project.start()
        let path = try Self.path(try await Self.create(project, length: 6))
        #expect(try await Self.patch(project, path, "abc", at: 0).status == 204)
        try await project.put("x", "first")
        Self.expectPlain(try await Self.create(project, length: 6), 409)
        Self.expectPlain(try await Self.patch(project, path, "def", at: 3), 409)
        #expect(try await Self.patch(project, path, "def", at: 3, ["x-upsert": "true"]).status == 204)
        #expect(project.server.bytes(of: "x", in: "box") == Array("abcdef".utf8))
        // Here the object comes between the permission and the last byte.
        let other = try Self.path(try await Self.create(project, "y", length: 6))
        let connection = try await RawConnection.open(port: project.server.port)
        let fields = project.token() + Self.patchFields(0) + ["Content-Length": "6"]
        try await connection.send(project.client.head("PATCH", "/storage/v1" + other, headers: fields))
        try await connection.send("abc")
        #expect(try await eventually { project.server.openUploads.first?.offset == 3 })
        project.server.put("y", [1], in: "box")
        try await connection.send("def")
        Self.expectPlain(try await connection.read(to: "PATCH"), 409)
        #expect(project.server.bytes(of: "y", in: "box") == [1])
    }

    @Test("uploads end in time, are forgotten, and are limited like others")
    func ends() async throws {
        let project = try await Project.start()
        let path = try Self.path(try await Self.create(project, length: 6))
        project.server.clockSkew = .seconds(3_601)
        Self.expectPlain(try await Self.patch(project, path, "abc", at: 0), 410)
        #expect(try await project.request("HEAD", path, Self.tus).status == 410)
        project.server.forgetUploads()
        Self.expectPlain(try await Self.patch(project, path, "abc", at: 0), 404)
        let second = try Self.path(try await Self.create(project, length: 6))
        #expect(try await project.request("DELETE", second, Self.tus).status == 204)
        Self.expectPlain(try await Self.patch(project, second, "abc", at: 0), 404)
        project.server.makeBucket("box", sizeLimit: 5, types: ["text/plain"])
        Self.expectPlain(try await Self.create(project, length: 6), 413)
        Self.expectPlain(try await Self.create(project, length: 5), 415)
        Self.expectPlain(try await project.request("POST", Self.endpoint, ["Upload-Length": "1"]), 412)
        let bad = try await project.client.request(
            "PATCH", "/storage/v1" + path, headers: Self.patchFields(0) + project.token(project.server.expiredKey),
            body: .text("abc"))
        expectRefusal(bad, "403", "AccessDenied")
    }

    @Test("bytes of a broken PATCH are kept as far as they came, or not", arguments: [true, false])
    func broken(isKept: Bool) async throws {
        let project = try await Project.start { $0.keepsBrokenBytes = isKept }
        let path = try Self.path(try await Self.create(project, length: 9))
        #expect(try await Self.patch(project, path, "abc", at: 0).status == 204)
        let connection = try await Self.stall(project, path, "def", at: 3)
        connection.close()
        let wanted = isKept ? "6" : "3"
        #expect(
            try await eventually { try await project.request("HEAD", path, Self.tus).header("Upload-Offset") == wanted }
        )
    }

    /// Begins a PATCH of 6 bytes, sends some and falls silent.
    private static func stall(
        _ project: Project, _ path: String, _ text: String, at offset: Int
    ) async throws -> RawConnection {
        let connection = try await RawConnection.open(port: project.server.port)
        let fields = project.token() + patchFields(offset) + ["Content-Length": "6"]
        try await connection.send(project.client.head("PATCH", "/storage/v1" + path, headers: fields))
        try await connection.send(text)
        let goal = offset + text.utf8.count
        #expect(try await eventually { project.server.openUploads.first?.offset == goal })
        return connection
    }

    @Test("a stalled PATCH holds its upload: another waits for it and gets 503")
    func locked() async throws {
        let project = try await Project.start {
            $0.lockWait = .milliseconds(200)
            $0.lockDrain = nil
        }
        let path = try Self.path(try await Self.create(project, length: 9))
        let connection = try await Self.stall(project, path, "abc", at: 0)
        Self.expectPlain(try await Self.patch(project, path, "def", at: 3), 503)
        try await connection.send("def")
        #expect(try await connection.read(to: "PATCH").status == 204)
        #expect(try await Self.patch(project, path, "ghi", at: 6).status == 204)
    }

    @Test("or the one that waits has the stalled one cut off, and goes on where it was")
    func drained() async throws {
        let project = try await Project.start { $0.lockDrain = .milliseconds(100) }
        let path = try Self.path(try await Self.create(project, length: 6))
        let connection = try await Self.stall(project, path, "abc", at: 0)
        #expect(try await project.request("HEAD", path, Self.tus).header("Upload-Offset") == "3")
        Self.expectPlain(try await connection.read(to: "PATCH"), 400)
        #expect(try await Self.patch(project, path, "def", at: 3).header("Tus-Complete") == "1")
    }
}
