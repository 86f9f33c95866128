import CustodeTesting
import Foundation
import Testing

/// The bad days that a test can order.
@Suite("Supabase stand-in: troubles", .timeLimit(.minutes(2)))
struct StandInTroubleTests {
    @Test("over the quota everything gets 402, paused everything gets 540 and a page")
    func outages() async throws {
        let project = try await Project.start()
        project.server.quotaExceeded = .html
        let page = try await project.request("DELETE", "/object/box/x")
        #expect(page.status == 402)
        #expect(page.json == .null)
        project.server.quotaExceeded = .json
        #expect(try await project.request("GET", "/object/box/x").json["message"].string != nil)
        project.server.quotaExceeded = nil
        project.server.isPaused = true
        #expect(try await project.request("GET", "/object/box/x").status == 540)
        project.server.clearTroubles()
        expectRefusal(try await project.request("GET", "/object/box/x"), "404", "NoSuchKey")
    }

    @Test("locks, pools and the edge refuse the next requests that match, no others")
    func refusals() async throws {
        let project = try await Project.start()
        project.server.lockTimeout(matching: "POST /storage/v1/object/box/", times: 2)
        project.server.slowDown(matching: "list-v2")
        #expect(try await project.request("GET", "/bucket/box").status == 200)
        for _ in 0..<2 { expectRefusal(try await project.put("x", "x"), "503", "LockTimeout") }
        #expect(try await project.put("x", "x").status == 200)
        expectRefusal(
            try await project.json("POST", "/object/list-v2/box", [:]), "429", "SlowDown", wire: 429)
        project.server.edgeError(status: 413, matching: "/object/box/large")
        let edge = try await project.put("large", "x")
        #expect(edge.status == 413)
        #expect(edge.header("Content-Type") == "text/html")
        #expect(edge.header("Connection") == "close")
        project.server.trouble(.resourceLocked, matching: "/upload/resumable")
        let locked = try await project.request("POST", "/upload/resumable", ["Tus-Resumable": "1.0.0"])
        #expect(locked.status == 423)
        #expect(locked.json == .null)
    }

    @Test("an upload is given up in the middle, with a reply, and nothing is stored")
    func aborted() async throws {
        let project = try await Project.start()
        project.server.trouble(.abort(after: 100_000))
        let body = RequestBody.bytes(Sample.noise(20_000_000))
        let reply = try await project.request("POST", "/object/box/x", [:], body)
        expectRefusal(reply, "500", "AbortedTerminate", wire: 500)
        #expect(reply.header("Connection") == "close")
        #expect(project.server.objects(in: "box").isEmpty)
    }

    @Test("deletions that are lost look like others")
    func lostDeletes() async throws {
        let project = try await Project.start()
        try await project.put("x", "x")
        project.server.losesDeletes = true
        #expect(try await project.json("DELETE", "/object/box", ["prefixes": ["x"]]).text == "[]")
        #expect(try await project.request("DELETE", "/object/box/x").status == 200)
        #expect(project.server.objects(in: "box").count == 1)
    }

    @Test("the clock may be wrong")
    func clock() async throws {
        let project = try await Project.start()
        project.server.clockSkew = .seconds(-86_400)
        let date = try #require(try await project.client.request("GET", "/storage/v1/status").header("Date"))
        #expect(date.hasSuffix("GMT"))
        try await project.put("x", "x")
        let age = Date().timeIntervalSince(try #require(project.server.objects(in: "box").first).created)
        #expect(abs(age - 86_400) < 60)
    }

    @Test("what came is kept, fields and all")
    func requests() async throws {
        let project = try await Project.start()
        project.server.forgetRequests()
        _ = try await project.client.request(
            "GET", "/storage/v1/bucket", headers: ["apikey": project.server.secretKey])
        #expect(project.server.requests.map(\.line) == ["GET /storage/v1/bucket HTTP/1.1"])
        #expect(project.server.requests.first?.headers["Authorization"] == nil)
        #expect(project.server.count(matching: "/bucket") == 1)
    }

    @Test("a large body goes in and out at the speed that tests need")
    func large() async throws {
        let project = try await Project.start()
        let bytes = Sample.noise(64 << 20)
        #expect(try await project.request("POST", "/object/box/x", [:], .bytes(bytes)).status == 200)
        #expect(try await project.request("GET", "/object/box/x").body == bytes)
        #expect(project.server.objects(in: "box").first?.etag.hasSuffix("-4\"") == true)
    }
}
