import CustodeTesting
import Foundation
import Testing

/// The oddities of the server that a driver must live with, each as the contract has it.
@Suite("Supabase stand-in: objects", .timeLimit(.minutes(2)))
struct StandInTests {
    @Test("an object goes in and comes out, with what is told of it")
    func roundTrip() async throws {
        let project = try await Project.start()
        let fields: HeaderList = [
            "Content-Type": "text/html", "Cache-Control": "max-age=9",
            "x-metadata": Data(#"{"a":1}"#.utf8).base64EncodedString(),
        ]
        let made = try await project.put("a/b.html", "hello", fields)
        #expect(made.status == 200)
        #expect(made.json["Key"] == "box/a/b.html")
        #expect(made.json["Id"].string?.count == 36)
        for door in ["/object/authenticated/box/", "/object/box/"] {
            let got = try await project.request("GET", door + "a/b.html")
            #expect(got.status == 200)
            #expect(got.text == "hello")
            #expect(got.header("Content-Type") == "text/plain", "no page of a user's own")
            #expect(got.header("ETag") == "\"5d41402abc4b2a76b9719d911017c592\"")
            #expect(got.header("Cache-Control") == "max-age=9")
            #expect(got.header("X-Robots-Tag") == "none")
            let head = try await project.request("HEAD", door + "a/b.html")
            #expect(head.status == 200)
            #expect(head.header("Content-Length") == "5")
            #expect(head.body.isEmpty)
        }
        for door in ["/object/info/authenticated/box/", "/object/info/box/"] {
            let info = try await project.request("GET", door + "a/b.html").json
            #expect(info["size"] == 5)
            #expect(info["content_type"] == "text/html")
            #expect(info["metadata"] == ["a": 1])
            #expect(info["name"] == "a/b.html")
            #expect(info["etag"] == "\"5d41402abc4b2a76b9719d911017c592\"")
        }
    }

    @Test("what is absent is a 404 inside of a 400, and an unknown route is a true 404 that is no absence")
    func absence() async throws {
        let project = try await Project.start()
        expectRefusal(try await project.request("GET", "/object/box/no"), "404", "NoSuchKey", error: "not_found")
        expectRefusal(try await project.request("GET", "/object/info/box/no"), "404", "NoSuchKey")
        expectRefusal(
            try await project.request("GET", "/object/tub/no"), "404", "NoSuchBucket", error: "Bucket not found")
        expectRefusal(try await project.request("DELETE", "/object/box/no"), "404", "NoSuchKey")
        expectRefusal(try await project.request("POST", "/object/tub/x", [:], .text("x")), "404", "NoSuchBucket")
        expectRefusal(try await project.request("GET", "/objects/box/no"), "404", "InvalidRequest", wire: 404)
        let head = try await project.request("HEAD", "/object/box/no")
        #expect(head.status == 400)
        #expect(head.body.isEmpty)
        let outside = try await project.client.request("GET", "/rest/v1/x", headers: project.token())
        #expect(outside.status == 404)
        #expect(outside.json["statusCode"] == .null)
    }

    @Test("bytes that are gone from under their row are a 404 too, though the row still tells of them")
    func lostBytes() async throws {
        let project = try await Project.start()
        project.server.put("x", Array("abc".utf8), in: "box")
        project.server.loseBytes(of: "x", in: "box")
        expectRefusal(try await project.request("GET", "/object/box/x"), "404", "NoSuchKey", error: "Not found")
        #expect(try await project.request("GET", "/object/info/box/x").json["size"] == 3)
    }

    @Test("create does not replace unless told to, PUT always does, and every write is a new version")
    func replacing() async throws {
        let project = try await Project.start()
        try await project.put("x", "one")
        let first = try #require(project.server.objects(in: "box").first)
        expectRefusal(try await project.put("x", "two"), "409", "KeyAlreadyExists", error: "Duplicate")
        #expect(try await project.put("x", "two", ["x-upsert": "true"]).status == 200)
        #expect(try await project.request("PUT", "/object/box/x", [:], .text("three")).status == 200)
        let last = try #require(project.server.objects(in: "box").first)
        #expect(last.id == first.id)
        #expect(last.version != first.version)
        #expect(project.server.bytes(of: "x", in: "box") == Array("three".utf8))
    }

    @Test("keys of other characters are refused, spaces and signs are not")
    func keys() async throws {
        let project = try await Project.start()
        for key in ["%C3%A4", "a%7Eb", "a%23b", "a%5Bb", "a%22"] {
            expectRefusal(try await project.put(key, "x"), "400", "InvalidKey")
        }
        let odd = "a%20b/c%26d%3De%3F%2B%2C%24%21"
        #expect(try await project.put(odd, "x").status == 200)
        #expect(project.server.objects(in: "box").map(\.name) == ["a b/c&d=e?+,$!"])
        #expect(try await project.request("GET", "/object/box/" + odd).text == "x")
    }

    @Test("ranges, suffixes, and the unsatisfiable one, which is the server's own fault")
    func ranges() async throws {
        let project = try await Project.start()
        try await project.put("x", "0123456789")
        func get(_ range: String) async throws -> RawResponse {
            try await project.request("GET", "/object/box/x", ["Range": range])
        }
        let middle = try await get("bytes=2-4")
        #expect(middle.status == 206)
        #expect(middle.text == "234")
        #expect(middle.header("Content-Range") == "bytes 2-4/10")
        #expect(try await get("bytes=-3").text == "789")
        #expect(try await get("bytes=8-").text == "89")
        #expect(try await get("bytes=8-99").header("Content-Range") == "bytes 8-9/10")
        #expect(try await get("bytes=4-2").status == 200)
        expectRefusal(try await get("bytes=10-"), "500", "InternalError", wire: 500)
    }

    @Test("conditions and forced names")
    func conditions() async throws {
        let project = try await Project.start()
        try await project.put("x", "abc")
        let whole = try await project.request("GET", "/object/box/x")
        let tag = try #require(whole.header("ETag"))
        let date = try #require(whole.header("Last-Modified"))
        #expect(try await project.request("GET", "/object/box/x", ["If-None-Match": tag]).status == 304)
        #expect(try await project.request("GET", "/object/box/x", ["If-None-Match": "\"no\""]).status == 200)
        #expect(try await project.request("GET", "/object/box/x", ["If-Modified-Since": date]).status == 304)
        let old = "Sun, 06 Nov 1994 08:49:37 GMT"
        #expect(try await project.request("GET", "/object/box/x", ["If-Modified-Since": old]).status == 200)
        let named = try await project.request("GET", "/object/box/x?download=a%20b.txt")
        #expect(
            named.header("Content-Disposition") == "attachment; filename=a%20b.txt; filename*=UTF-8''a%20b.txt;")
        #expect(
            try await project.request("GET", "/object/box/x?download=").header("Content-Disposition") == "attachment;")
    }

    @Test("limits bind the declared length and type alone, and are told before the body is read")
    func limits() async throws {
        let project = try await Project.start()
        project.server.makeBucket("small", sizeLimit: 4, types: ["audio/wav", "image/*"])
        func put(_ key: String, _ body: RequestBody, _ type: String = "audio/wav") async throws -> RawResponse {
            try await project.request("POST", "/object/small/" + key, ["Content-Type": type], body)
        }
        #expect(try await put("a", .text("1234")).status == 200)
        let refused = try await put("b", .text("12345"))
        expectRefusal(refused, "413", "EntityTooLarge", error: "Payload too large")
        #expect(refused.header("Connection") == "close")
        #expect(try await put("c", .chunked([Array("12345".utf8)])).status == 200, "no length, no limit")
        expectRefusal(try await put("d", .text("x"), "text/plain"), "415", "InvalidMimeType")
        expectRefusal(try await put("d", .text("x"), "audio/wav; codecs=1"), "415", "InvalidMimeType")
        #expect(try await put("e", .text("x"), "image/png").status == 200)
    }

    @Test("a client that waits to be told to go on is told, and a refused one is not")
    func expecting() async throws {
        let project = try await Project.start()
        let fields = project.token() + ["Expect": "100-continue", "Content-Length": "3"]
        let connection = try await RawConnection.open(port: project.server.port)
        try await connection.send(
            project.client.head("POST", "/storage/v1/object/box/x", headers: fields))
        #expect(try await connection.readInterim() == 100)
        try await connection.send("abc")
        #expect(try await connection.read(to: "POST").status == 200)
        // The same connection serves again.
        try await connection.send(project.client.head("GET", "/storage/v1/object/box/x", headers: project.token()))
        #expect(try await connection.read().text == "abc")
        try await connection.send(
            project.client.head("POST", "/storage/v1/object/box/x", headers: fields))
        let refused = try await connection.read(to: "POST")
        expectRefusal(refused, "409", "KeyAlreadyExists")
        #expect(refused.interim.isEmpty)
        #expect(try await connection.isClosed(within: .seconds(5)))
    }

    @Test("of two creates at once, one wins; in older versions both think so", arguments: [true, false])
    func racing(isChecked: Bool) async throws {
        let project = try await Project.start { $0.rechecksCreates = isChecked }
        let connection = try await RawConnection.open(port: project.server.port)
        let fields = project.token() + ["Content-Length": "4", "Expect": "100-continue"]
        try await connection.send(project.client.head("POST", "/storage/v1/object/box/x", headers: fields))
        #expect(try await connection.readInterim() == 100)
        #expect(try await project.put("x", "fast").status == 200)
        try await connection.send("slow")
        let reply = try await connection.read(to: "POST")
        if isChecked {
            expectRefusal(reply, "409", "KeyAlreadyExists")
        } else {
            #expect(reply.status == 200)
        }
        #expect(project.server.bytes(of: "x", in: "box") == Array((isChecked ? "fast" : "slow").utf8))
    }

    @Test("deletions by name tell what went and are silent about the rest, in the order of the rows")
    func deletions() async throws {
        let project = try await Project.start()
        for key in ["b", "a", "folder/x"] { try await project.put(key, key) }
        let reply = try await project.json("DELETE", "/object/box", ["prefixes": ["a", "absent", "b", "folder"]])
        #expect(reply.status == 200)
        #expect(reply.json.array.compactMap { $0["name"].string } == ["b", "a"])
        #expect(project.server.objects(in: "box").map(\.name) == ["folder/x"])
        let empty = try await project.json("DELETE", "/object/box", ["prefixes": ["absent"]])
        #expect(empty.status == 200)
        #expect(empty.text == "[]")
        let typed = try await project.request(
            "DELETE", "/object/box/folder/x", ["Content-Type": "application/json"])
        #expect(typed.status == 400)
        let one = try await project.request("DELETE", "/object/box/folder/x")
        #expect(one.json["message"] == "Successfully deleted")
    }

    @Test("a move keeps id and age and makes a version; it does not replace; what is too large for S3 stays")
    func moves() async throws {
        let project = try await Project.start { $0.largestCopy = 4 }
        let old = Date(timeIntervalSince1970: 1_000_000_000)
        project.server.put("a", Array("abc".utf8), in: "box", created: old)
        project.server.put("large", Array("abcde".utf8), in: "box")
        let before = try #require(project.server.objects(in: "box").first)
        func move(_ source: String, _ target: String) async throws -> RawResponse {
            try await project.json(
                "POST", "/object/move",
                ["bucketId": "box", "sourceKey": .string(source), "destinationKey": .string(target)])
        }
        #expect(try await move("a", "b").json["message"] == "Successfully moved")
        let after = try #require(project.server.objects(in: "box").first)
        #expect(after.name == "b")
        #expect(after.id == before.id)
        #expect(after.created == old)
        #expect(after.version != before.version)
        expectRefusal(try await move("a", "c"), "404", "NoSuchKey")
        expectRefusal(try await move("b", "large"), "409", "ResourceAlreadyExists")
        let refused = try await move("large", "other")
        expectRefusal(refused, "400", "S3Error")
        #expect(project.server.bytes(of: "large", in: "box") != nil)
    }

    @Test("a copy takes the metadata along unless told otherwise")
    func copies() async throws {
        let project = try await Project.start()
        try await project.put(
            "a", "abc", ["Content-Type": "audio/wav", "x-metadata": Data(#"{"a":1}"#.utf8).base64EncodedString()])
        var body: JSON = ["bucketId": "box", "sourceKey": "a", "destinationKey": "b"]
        let reply = try await project.json("POST", "/object/copy", body)
        #expect(reply.json["Key"] == "box/b")
        #expect(reply.json["Id"] == reply.json["id"])
        expectRefusal(try await project.json("POST", "/object/copy", body), "409", "KeyAlreadyExists")
        body = [
            "bucketId": "box", "sourceKey": "a", "destinationKey": "b", "copyMetadata": false,
            "metadata": ["mimetype": "text/plain"],
        ]
        let fields: HeaderList = ["x-upsert": "true", "x-metadata": Data(#"{"b":2}"#.utf8).base64EncodedString()]
        #expect(try await project.json("POST", "/object/copy", body, fields).status == 200)
        let copy = try #require(project.server.objects(in: "box").last)
        #expect(copy.metadata == ["b": 2])
        #expect(copy.contentType == "text/plain")
    }

    @Test("old versions tell no code")
    func oldVersions() async throws {
        let project = try await Project.start { $0.omitsCode = true }
        let reply = try await project.request("GET", "/object/box/no")
        #expect(reply.json.names == ["error", "message", "statusCode"])
    }
}
