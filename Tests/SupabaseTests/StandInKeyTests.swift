import CustodeTesting
import Foundation
import Testing

/// Who is let in, and by which door.
@Suite("Supabase stand-in: keys, links, listings", .timeLimit(.minutes(2)))
struct StandInKeyTests {
    @Test("a secret key counts in apikey alone, a token in both fields")
    func keys() async throws {
        let project = try await Project.start()
        try await project.put("x", "abc")
        let (server, client) = (project.server, project.client)
        func get(_ headers: HeaderList, door: String = "/object/authenticated/box/x") async throws -> RawResponse {
            try await client.request("GET", "/storage/v1" + door, headers: headers)
        }
        #expect(try await get(["apikey": server.secretKey]).text == "abc")
        expectRefusal(
            try await get(["apikey": server.secretKey, "Authorization": "Bearer " + server.secretKey]), "403",
            "AccessDenied", error: "Unauthorized")
        #expect(try await get(project.token()).text == "abc")
        let keyless = try await get(["Authorization": "Bearer " + server.serviceKey])
        #expect(keyless.status == 401)
        #expect(keyless.json["message"] == "No API key found in request")
        #expect(keyless.json["statusCode"] == .null, "not the server's envelope")
        #expect(try await get(["apikey": "sb_secret_other"]).status == 401)
        expectRefusal(try await get(["apikey": server.serviceKey]), "400", "InvalidRequest")
        for key in [server.expiredKey, server.serviceKey + "x"] {
            let fields: HeaderList = ["apikey": server.serviceKey, "Authorization": "Bearer " + key]
            expectRefusal(try await get(fields), "403", "AccessDenied", error: "Unauthorized")
            // The plain door takes a bad token for none, and tells nobody of a private bucket.
            expectRefusal(try await get(fields, door: "/object/box/x"), "404", "NoSuchBucket")
        }
        #expect(try await get(project.token(server.serviceKey(validFor: .seconds(60)))).status == 200)
        server.clockSkew = .seconds(100)
        expectRefusal(try await get(project.token(server.serviceKey(validFor: .seconds(-1)))), "403", "AccessDenied")
        server.keysAreOver = true
        #expect(try await get(["apikey": server.secretKey]).status == 401)
        expectRefusal(try await get(project.token()), "403", "AccessDenied")
    }

    @Test("row-level security refuses writes, and hides what it does not let be read")
    func rowSecurity() async throws {
        let project = try await Project.start()
        try await project.put("x", "abc")
        let anon = project.token(project.server.anonKey)
        let typed = anon + ["Content-Type": "application/json"]
        func send(_ method: String, _ path: String, _ headers: HeaderList, _ body: RequestBody = .none) async throws
            -> RawResponse
        {
            try await project.client.request(method, "/storage/v1" + path, headers: headers, body: body)
        }
        expectRefusal(try await send("POST", "/object/box/y", anon, .text("y")), "403", "AccessDenied")
        expectRefusal(try await send("GET", "/object/box/x", anon), "404", "NoSuchKey")
        expectRefusal(try await send("DELETE", "/object/box/x", anon), "403", "AccessDenied")
        #expect(try await send("POST", "/object/list-v2/box", typed, .json([:])).json["objects"] == [])
        #expect(try await send("POST", "/object/list/box", typed, .json(["prefix": ""])).json == [])
        #expect(try await send("DELETE", "/object/box", typed, .json(["prefixes": ["x"]])).text == "[]")
        expectRefusal(try await send("GET", "/bucket/box", anon), "404", "NoSuchBucket")
        let emptied = try await send("POST", "/bucket/box/empty", anon)
        expectRefusal(emptied, "403", "AccessDenied", wire: 403)
        #expect(project.server.objects(in: "box").count == 1)
    }

    @Test("links are relative to the server, end in time, and open one object for one thing")
    func links() async throws {
        let project = try await Project.start()
        try await project.put("a/x", "abc")
        func use(_ link: String, _ headers: HeaderList = [:]) async throws -> RawResponse {
            try await project.client.request("GET", "/storage/v1" + link, headers: headers)
        }
        let signed = try await project.json("POST", "/object/sign/box/a/x", ["expiresIn": 60])
        let link = try #require(signed.json["signedURL"].string)
        #expect(link.hasPrefix("/object/sign/box/a/x?token="))
        let got = try await use(link, ["Range": "bytes=1-"])
        #expect(got.status == 206)
        #expect(got.text == "bc")
        #expect(got.header("Expires") != nil)
        #expect(got.header("Cache-Control") == nil)
        expectRefusal(try await use(link.replacing("/a/x?", with: "/a/y?")), "400", "InvalidSignature")
        expectRefusal(try await use(link + "x"), "400", "InvalidJWT")
        #expect(try await project.client.request("HEAD", "/storage/v1" + link).status != 200, "GET only")
        let upload = try await project.request("POST", "/object/upload/sign/box/a/x", ["x-upsert": "true"])
        let token = try #require(upload.json["token"].string)
        expectRefusal(try await use("/object/sign/box/a/x?token=" + token), "400", "InvalidSignature")
        project.server.clockSkew = .seconds(61)
        expectRefusal(try await use(link), "400", "InvalidJWT")
        expectRefusal(try await project.json("POST", "/object/sign/box/no", ["expiresIn": 60]), "404", "NoSuchKey")
        #expect(try await project.json("POST", "/object/sign/box/a/x", ["expiresIn": 0]).status == 400)
    }

    @Test("a single link to a name with signs in it does not work, one of many does")
    func encodingTrap() async throws {
        let project = try await Project.start()
        try await project.put("a%26b", "abc")
        let one = try await project.json("POST", "/object/sign/box/a%26b", ["expiresIn": 60])
        let link = try #require(one.json["signedURL"].string)
        expectRefusal(
            try await project.client.request("GET", "/storage/v1" + link), "400", "InvalidSignature")
        let many = try await project.json("POST", "/object/sign/box", ["expiresIn": 60, "paths": ["a&b", "no"]])
        #expect(many.status == 200)
        #expect(many.json[1]["signedURL"] == .null)
        #expect(many.json[1]["error"].string?.hasPrefix("Either the object does not exist") == true)
        let raw = try #require(many.json[0]["signedURL"].string)
        #expect(try await project.client.request("GET", "/storage/v1" + raw).text == "abc")
    }

    @Test("the second listing goes by bytes, by raw prefix, in pages no larger than the server's")
    func listing() async throws {
        let project = try await Project.start { $0.largestPage = 2 }
        let names = ["B", "_", "a", "a-b", "a/x", "a/y", "ab"]
        for name in names { project.server.put(name, [1], in: "box") }
        func page(_ body: JSON) async throws -> JSON {
            try await project.json("POST", "/object/list-v2/box", body).json
        }
        var found: [String] = []
        var cursor: JSON = .null
        repeat {
            var body: [String: JSON] = ["limit": 1_000]
            if cursor != .null { body["cursor"] = cursor }
            let answer = try await page(.object(body))
            #expect(answer["objects"].array.count <= 2)
            found += answer["objects"].array.compactMap { $0["name"].string }
            cursor = answer["nextCursor"]
            if answer["hasNext"] == true { #expect(answer["nextCursorKey"].string == found.last) }
        } while cursor != .null
        #expect(found == names)
        #expect(try await page(["prefix": "a/"])["objects"].array.count == 2)
        let bad = try await project.json("POST", "/object/list-v2/box", ["cursor": "bm8="])
        expectRefusal(bad, "400", "InvalidParameter")
        project.server.configuration.largestPage = 1_000
        let folders = try await page(["with_delimiter": true])
        #expect(folders["folders"].array.compactMap { $0["name"].string } == ["a/"])
        #expect(folders["objects"].array.compactMap { $0["name"].string } == ["B", "_", "a", "a-b", "ab"])
        #expect(
            try await page(["limit": 3, "sortBy": ["column": "name", "order": "desc"]])["objects"][0]["name"] == "ab")
        project.server.put("old", [1], in: "box", created: Date(timeIntervalSince1970: 1_000_000_000))
        let byAge = try await page(["limit": 1, "sortBy": ["column": "created_at"]])
        #expect(byAge["objects"][0]["name"] == "old")
        #expect(byAge["objects"][0]["created_at"] == "2001-09-09T01:46:40.000Z")
        #expect(byAge["objects"][0]["metadata"]["lastModified"] == "2001-09-09T01:46:40.000Z")
        let next = try await page(["limit": 1, "cursor": byAge["nextCursor"]])
        #expect(next["objects"][0]["name"] != "old")
    }

    @Test("buckets: names, sizes as text, and what must be empty first")
    func buckets() async throws {
        let project = try await Project.start()
        let made = try await project.json(
            "POST", "/bucket/", ["name": "b2", "file_size_limit": "1.5MB", "allowed_mime_types": ["audio/wav"]])
        #expect(made.json["name"] == "b2")
        let bucket = try await project.request("GET", "/bucket/b2").json
        #expect(bucket["file_size_limit"] == 1_500_000)
        #expect(bucket["public"] == false)
        expectRefusal(try await project.json("POST", "/bucket", ["name": "b2"]), "409", "BucketAlreadyExists")
        expectRefusal(try await project.json("POST", "/bucket", ["name": "a/b"]), "400", "InvalidBucketName")
        project.server.configuration.largestObject = 1_000
        expectRefusal(
            try await project.json("POST", "/bucket", ["name": "b3", "file_size_limit": "2KB"]), "413",
            "EntityTooLarge")
        try await project.put("x", "x")
        expectRefusal(try await project.request("DELETE", "/bucket/box"), "409", "ResourceNotEmpty")
        #expect(try await project.request("POST", "/bucket/box/empty").status == 200)
        #expect(try await project.request("DELETE", "/bucket/box").status == 200)
        #expect(try await project.request("GET", "/bucket/").json.array.count == 1)
        let status = try await project.client.request("GET", "/storage/v1/status")
        #expect(status.status == 200)
        #expect(status.body.isEmpty)
    }
}
