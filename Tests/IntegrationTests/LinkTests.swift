import CustodeTesting
import Foundation
import Testing

@Suite("Links: minting, use, and their end", .serialized)
struct LinkTests {
    @Test("a download link is minted with everything its holder needs, and works without a credential")
    func minted() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let reply = try await world.mint("input", of: job, ["ttl_seconds": 300])
        #expect(reply.status == 201, "\(reply.summary)")
        let link = reply.json
        #expect(link.names == ["expires_at", "method", "object", "operation", "ttl_seconds", "url"])
        #expect(link["method"].string == "GET" && link["operation"].string == "download")
        #expect(link["object"].string == "input" && link["ttl_seconds"].int == 300)
        let url = try #require(link["url"].string)
        #expect(url.hasPrefix("http://127.0.0.1:\(world.service.port)/o/"))
        let expiry = try #require(link["expires_at"].string)
        let date = try Date(expiry, strategy: .iso8601)
        #expect(abs(date.timeIntervalSinceNow - 300) < 30, "\(expiry)")
        let got = try await world.send("GET", World.target(of: url), as: .stranger)
        #expect(got.status == 200 && got.body == Sample.wav(), "\(got.summary)")
    }

    @Test("a link lives two minutes unless said otherwise")
    func defaultTTL() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        #expect(try await world.mint("input", of: job).json["ttl_seconds"].int == 120)
    }

    @Test(
        "a life from one second to the maximum is given, any other is 400",
        arguments: [
            (1, 201), (900, 201), (901, 400), (0, 400), (-1, 400), ("120", 400), (.number(1.5), 400),
            (.number(1e18), 400), (.bool(true), 400),
        ] as [(JSON, Int)])
    func ttlBounds(ttl: JSON, status: Int) async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let reply = try await world.mint("input", of: job, ["ttl_seconds": ttl])
        #expect(reply.status == status, "\(reply.summary)")
    }

    @Test(
        "a wish that makes no sense is 400",
        arguments: [
            "", "{", "[]", "null", "{}", "{\"object\":1}", "{\"object\":\"input\",\"operation\":\"delete\"}",
            "{\"object\":\"input\",\"disposition\":\"sideways\"}", "{\"object\":\"input\",\"once\":\"yes\"}",
            "{\"object\":\"input\",\"operation\":\"upload\",\"max_bytes\":-1}", "\u{feff}{",
            "{\"object\":\"input\"",
        ])
    func malformed(body: String) async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let reply = try await world.send(
            "POST", job.path("links"), headers: ["Content-Type": "application/json"], body: .text(body))
        expectProblem(reply, 400)
    }

    @Test("a download link to an absent or unknown object is 404")
    func absent() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        expectProblem(try await world.mint("input", of: job), 404)
        expectProblem(try await world.mint("secrets", of: job), 404)
        expectProblem(try await world.mint("secrets", of: job, ["operation": "upload"]), 404)
    }

    @Test("many at once: in order, each with its url or its problem")
    func batch() async throws {
        let world = try await World.shared()
        let (one, two) = (try await world.jobWithInput(), try await world.newJob())
        let bobs = try await world.newJob(for: world.bob)
        _ = try await world.store("input", of: bobs, Sample.wav())
        let wishes: [JSON] = [
            ["job_id": .string(one.id), "object": "input"],
            ["job_id": .string(two.id), "object": "input"],
            ["job_id": .string(two.id), "object": "input", "operation": "upload"],
            ["job_id": .string(bobs.id), "object": "input"],
            ["job_id": "nonsense", "object": "input"],
            ["job_id": .string(one.id), "object": "input", "ttl_seconds": 100_000],
            ["job_id": .string(one.id), "object": "input", "ttl_seconds": 60],
        ]
        let reply = try await world.send(
            "POST", "/v1/links", headers: ["Content-Type": "application/json"],
            body: .json(["links": .array(wishes)]))
        #expect(reply.status == 200, "\(reply.summary)")
        let links = reply.json["links"].array
        #expect(
            links.map { $0["problem"]["status"].int } == [nil, 404, nil, 404, 404, 400, nil], "\(reply.text)")
        #expect(links.map { $0["url"].string != nil } == [true, false, true, false, false, false, true])
        for index in [0, 6] {
            let target = try World.target(of: links[index]["url"].string ?? "")
            #expect(try await world.send("GET", target, as: .stranger).body == Sample.wav())
        }
        #expect(links[2]["method"].string == "PUT")
    }

    @Test("a thousand at once are given, one more is 400")
    func batchLimit() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let wish: JSON = ["job_id": .string(job.id), "object": "input"]
        for (count, status) in [(1_000, 200), (1_001, 400)] {
            let reply = try await world.send(
                "POST", "/v1/links", headers: ["Content-Type": "application/json"],
                body: .json(["links": .array(Array(repeating: wish, count: count))]))
            #expect(reply.status == status, "\(count): \(reply.status)")
            let urls = reply.json["links"].array.compactMap { $0["url"].string }
            #expect(Set(urls).count == (status == 200 ? 1_000 : 0))
        }
    }

    @Test("ranges, conditions and HEAD work on a link as they do on the object")
    func conditional() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let target = try await world.link("input", of: job)
        let whole = try await world.send("GET", target, as: .stranger)
        let etag = try #require(whole.header("ETag"))
        let part = try await world.send("GET", target, as: .stranger, headers: ["Range": "bytes=4-7"])
        #expect(part.status == 206 && part.body == Array(Sample.wav()[4...7]))
        let cases: [(HeaderList, Int)] = [
            (["If-None-Match": etag], 304), (["If-Match": "\"x\""], 412), (["Range": "bytes=99999999-"], 416),
            (["Range": "bytes=0-1,3-4"], 200), (["Range": "bytes=0-1", "If-Range": "\"x\""], 200),
        ]
        for (headers, status) in cases {
            let reply = try await world.send("GET", target, as: .stranger, headers: headers)
            #expect(reply.status == status, "\(reply.summary)")
        }
        let head = try await world.send("HEAD", target, as: .stranger)
        #expect(head.status == 200 && head.header("Content-Length") == String(Sample.wav().count))
    }

    @Test("the disposition is the one the link was minted with")
    func disposition() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        for disposition in ["inline", "attachment"] {
            let target = try await world.link("input", of: job, ["disposition": .string(disposition)])
            for query in ["", "?disposition=inline", "?disposition=attachment"] {
                let reply = try await world.send("GET", target + query, as: .stranger)
                #expect(
                    reply.header("Content-Disposition")?.hasPrefix(disposition) == true, "\(reply.summary)")
            }
        }
    }

    @Test("once, asked for a hundred times at once, is given exactly once; the others get 410")
    func onceAtOnce() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let target = try await world.link("input", of: job, ["once": true])
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<100 {
                group.addTask { try await world.send("GET", target, as: .stranger).status }
            }
            return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        #expect(statuses == [200: 1, 410: 99])
    }

    @Test("once burns on a 200 or 206, not on HEAD, 304, 412 or 416")
    func onceBurns() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let etag = try #require(try await world.get("input", of: job).header("ETag"))
        for (last, status): (HeaderList, Int) in [([:], 200), (["Range": "bytes=0-3"], 206)] {
            let target = try await world.link("input", of: job, ["once": true])
            #expect(try await world.send("HEAD", target, as: .stranger).status == 200)
            let spared: [(HeaderList, Int)] = [
                (["If-None-Match": etag], 304), (["If-Match": "\"x\""], 412),
                (["Range": "bytes=99999999-"], 416),
            ]
            for (headers, status) in spared {
                #expect(try await world.send("GET", target, as: .stranger, headers: headers).status == status)
            }
            #expect(try await world.send("GET", target, as: .stranger, headers: last).status == status)
            expectProblem(try await world.send("GET", target, as: .stranger), 410)
        }
    }

    @Test("a link is over a second after its time: 410", .tags(.slow))
    func expired() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let target = try await world.link("input", of: job, ["ttl_seconds": 1])
        let isOver = try await eventually { try await world.send("GET", target, as: .stranger).status != 200 }
        #expect(isOver)
        expectProblem(try await world.send("GET", target, as: .stranger), 410)
        #expect(try await world.send("HEAD", target, as: .stranger).status == 410)
    }

    @Test("revocation ends every link minted so far, and none minted after")
    func revoked() async throws {
        let world = try await World.shared()
        let (job, other) = (try await world.jobWithInput(), try await world.jobWithInput())
        let before = [try await world.link("input", of: job), try await world.link("input", of: job)]
        let upload = try await world.link("transcript", of: job, ["operation": "upload"])
        let untouched = try await world.link("input", of: other)
        #expect(try await world.send("DELETE", job.path("links")).status == 204)
        for target in before { expectProblem(try await world.send("GET", target, as: .stranger), 404) }
        expectProblem(try await world.send("PUT", upload, as: .stranger, body: .bytes(Sample.text())), 404)
        let after = try await world.link("input", of: job)
        #expect(try await world.send("GET", after, as: .stranger).status == 200)
        #expect(try await world.send("GET", untouched, as: .stranger).status == 200)
    }

    @Test("the end of the object or of the job is the end of its links: 404", arguments: ["object", "job"])
    func gone(what: String) async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let download = try await world.link("input", of: job)
        let upload = try await world.link("transcript", of: job, ["operation": "upload"])
        if what == "job" {
            try await world.deleteJob(job)
            expectProblem(
                try await world.send("PUT", upload, as: .stranger, body: .bytes(Sample.text())), 404)
        } else {
            #expect(try await world.send("DELETE", job.path("input")).status == 204)
        }
        expectProblem(try await world.send("GET", download, as: .stranger), 404)
    }

    @Test("an upload link takes one object, with the answers of an upload")
    func upload() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let reply = try await world.mint("input", of: job, ["operation": "upload"])
        #expect(reply.status == 201, "\(reply.summary)")
        #expect(reply.json["method"].string == "PUT" && reply.json["operation"].string == "upload")
        let target = try World.target(of: reply.json["url"].string ?? "")
        #expect(target.hasPrefix("/u/"))
        expectProblem(try await world.send("PUT", target, as: .stranger, body: .bytes(Sample.text())), 415)
        let made = try await world.send(
            "PUT", target, as: .stranger, headers: ["Content-Type": "audio/wav"], body: .bytes(Sample.wav()))
        #expect(made.status == 201, "\(made.summary)")
        #expect(made.json["sha256"].string == SHA256.hex(Sample.wav()))
        #expect(made.header("ETag") == made.json["etag"].string)
        #expect(try await world.get("input", of: job).body == Sample.wav())
        let again = try await world.send("PUT", target, as: .stranger, body: .bytes(Sample.wav(seed: 3)))
        expectProblem(again, 409)
    }

    @Test("an upload link's max_bytes is a limit of its own", arguments: [true, false])
    func maxBytes(isChunked: Bool) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let target = try await world.link("transcript", of: job, ["operation": "upload", "max_bytes": 10])
        let bodies = ["0123456789a", "0123456789"].map { Array($0.utf8) }
        let replies = try await [
            world.send(
                "PUT", target, as: .stranger, body: isChunked ? .chunked([bodies[0]]) : .bytes(bodies[0])),
            world.send(
                "PUT", target, as: .stranger, body: isChunked ? .chunked([bodies[1]]) : .bytes(bodies[1])),
        ]
        expectProblem(replies[0], 413)
        #expect(replies[1].status == 201, "\(replies[1].summary)")
    }

    @Test("an upload link to an artifact is for those who may write it")
    func uploadGrant() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let reply = try await world.mint(
            "transcript", of: job, as: .delegate(world.alice), ["operation": "upload"])
        expectProblem(reply, 403)
        let input = try await world.mint(
            "input", of: job, as: .delegate(world.alice), ["operation": "upload"])
        #expect(input.status == 201, "\(input.summary)")
    }

    @Test("the command line prints a link that works")
    func commandLine() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let outcome = try await world.service.run("link", "--job", job.id, "--object", "input", "--ttl", "2m")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let url = try #require(outcome.output.firstMatch(of: /http:\S+/)?.output)
        let reply = try await world.send("GET", World.target(of: String(url)), as: .stranger)
        #expect(reply.status == 200 && reply.body == Sample.wav(), "\(reply.summary)")
    }
}
