import CustodeTesting
import Foundation
import Testing

@Suite("Downloads: GET and HEAD /v1/jobs/{job}/{object}", .serialized)
struct DownloadTests {
    private static let digits = Once {
        let world = try await World.shared()
        let job = try await world.newJob()
        let object = try await world.store(
            "transcript", of: job, Array("0123456789".utf8), type: "text/plain")
        return (world: world, job: job, etag: object["etag"].string ?? "")
    }

    @Test("the bytes, their length, their ETag, and that ranges are possible")
    func whole() async throws {
        let (world, job, etag) = try await Self.digits.value()
        let reply = try await world.get("transcript", of: job)
        #expect(reply.status == 200 && reply.text == "0123456789", "\(reply.summary)")
        #expect(reply.header("Content-Length") == "10")
        #expect(reply.headers.all("ETag") == [etag])
        #expect(reply.header("Accept-Ranges") == "bytes")
        let modified = try #require(reply.header("Last-Modified"))
        #expect(modified.wholeMatch(of: /\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/) != nil, "\(modified)")
    }

    @Test(
        "one range is 206 with exactly those bytes",
        arguments: [
            ("bytes=0-3", "0123", "bytes 0-3/10"), ("bytes=3-", "3456789", "bytes 3-9/10"),
            ("bytes=9-9", "9", "bytes 9-9/10"), ("bytes=0-0", "0", "bytes 0-0/10"),
            ("bytes=-3", "789", "bytes 7-9/10"), ("bytes=-20", "0123456789", "bytes 0-9/10"),
            ("bytes=0-99", "0123456789", "bytes 0-9/10"),
            ("bytes=8-99999999999999999999", "89", "bytes 8-9/10"),
            ("bytes=0-", "0123456789", "bytes 0-9/10"),
        ])
    func range(header: String, body: String, contentRange: String) async throws {
        let (world, job, etag) = try await Self.digits.value()
        let reply = try await world.get("transcript", of: job, headers: ["Range": header])
        #expect(reply.status == 206, "\(reply.summary)")
        #expect(reply.text == body)
        #expect(reply.header("Content-Range") == contentRange)
        #expect(reply.header("Content-Length") == String(body.utf8.count))
        #expect(reply.header("ETag") == etag)
    }

    @Test(
        "a range with no byte in the object is 416 and tells the size",
        arguments: ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999-", "bytes=500-600"])
    func notSatisfiable(header: String) async throws {
        let (world, job, _) = try await Self.digits.value()
        let reply = try await world.get("transcript", of: job, headers: ["Range": header])
        expectProblem(reply, 416)
        #expect(reply.header("Content-Range") == "bytes */10")
    }

    @Test(
        "many ranges, overlapping ranges, other units and nonsense are answered whole",
        arguments: [
            "bytes=0-1,5-6", "bytes=0-5,3-8", "bytes=0-0,0-0", "lines=0-3", "bytes=abc", "bytes=5-3",
            "bytes=",
            "bytes=-", "bytes=--3", "bytes=1", "bytes 0-3", "bytes=0x0-3", "bytes=+1-3",
            "bytes=" + (0..<1_000).map { "\($0)-\($0)" }.joined(separator: ","),
        ])
    func wholeDespiteRange(header: String) async throws {
        let (world, job, _) = try await Self.digits.value()
        let reply = try await world.get("transcript", of: job, headers: ["Range": header])
        #expect(reply.status == 200 && reply.text == "0123456789", "\(reply.summary)")
        #expect(reply.header("Content-Range") == nil)
    }

    @Test(
        "If-Range lets the range pass for the very ETag only",
        arguments: [
            ("%", 206), ("\"other\"", 200), ("W/%", 200), ("Thu, 01 Jan 2015 00:00:00 GMT", 200),
            ("nonsense", 200),
        ])
    func ifRange(value: String, status: Int) async throws {
        let (world, job, etag) = try await Self.digits.value()
        let reply = try await world.get(
            "transcript", of: job,
            headers: ["Range": "bytes=2-4", "If-Range": value.replacing("%", with: etag)])
        #expect(reply.status == status, "\(reply.summary)")
        #expect(reply.text == (status == 206 ? "234" : "0123456789"))
    }

    @Test("If-Range that fails spares a 416")
    func ifRangeBeforeRange() async throws {
        let (world, job, _) = try await Self.digits.value()
        let reply = try await world.get(
            "transcript", of: job, headers: ["Range": "bytes=10-", "If-Range": "\"other\""])
        #expect(reply.status == 200)
    }

    @Test(
        "If-None-Match: 304 without a body when it matches, weakly compared",
        arguments: [
            ("%", 304), ("*", 304), ("W/%", 304), ("\"a\", %, \"b\"", 304), ("\"other\"", 200),
            ("\"a\", \"b\"", 200),
        ], ["GET", "HEAD"])
    func ifNoneMatch(condition: (String, Int), method: String) async throws {
        let (world, job, etag) = try await Self.digits.value()
        let reply = try await world.send(
            method, job.path("transcript"), headers: ["If-None-Match": condition.0.replacing("%", with: etag)]
        )
        #expect(reply.status == condition.1, "\(reply.summary)")
        #expect(reply.header("ETag") == etag)
        if condition.1 == 304 { #expect(reply.body.isEmpty) }
    }

    @Test(
        "If-Match: 412 unless it matches, strongly compared",
        arguments: [("%", 200), ("*", 200), ("\"a\", %", 200), ("\"other\"", 412), ("W/%", 412)])
    func ifMatch(value: String, status: Int) async throws {
        let (world, job, etag) = try await Self.digits.value()
        let reply = try await world.get(
            "transcript", of: job, headers: ["If-Match": value.replacing("%", with: etag)])
        if status == 412 {
            expectProblem(reply, 412)
        } else {
            #expect(reply.status == status, "\(reply.summary)")
        }
    }

    @Test(
        "If-Modified-Since: 304 from Last-Modified on; earlier, nonsense, or beside If-None-Match it is 200",
        arguments: [
            (["If-Modified-Since": "%"], 304), (["If-Modified-Since": "Thu, 01 Jan 2015 00:00:00 GMT"], 200),
            (["If-Modified-Since": "yesterday"], 200),
            (["If-Modified-Since": "%", "If-None-Match": "\"other\""], 200),
            (["If-Modified-Since": "Sunday, 06-Nov-94 08:49:37 GMT"], 200),
        ] as [([String: String], Int)])
    func ifModifiedSince(headers: [String: String], status: Int) async throws {
        let (world, job, _) = try await Self.digits.value()
        let modified = try #require(try await world.get("transcript", of: job).header("Last-Modified"))
        let fields = headers.map { (name: $0.key, value: $0.value.replacing("%", with: modified)) }
        let reply = try await world.get("transcript", of: job, headers: HeaderList(fields: fields))
        #expect(reply.status == status, "\(reply.summary)")
    }

    @Test("HEAD has the headers of GET, no body, and ignores Range")
    func head() async throws {
        let (world, job, _) = try await Self.digits.value()
        let get = try await world.get("transcript", of: job)
        let head = try await world.send("HEAD", job.path("transcript"), headers: ["Range": "bytes=2-4"])
        #expect(head.status == 200 && head.body.isEmpty)
        let varying = ["date", "x-request-id"]
        let names = { (reply: RawResponse) in
            reply.headers.fields.map { $0.name.lowercased() + ": " + $0.value }
                .filter { field in !varying.contains { field.hasPrefix($0 + ":") } }.sorted()
        }
        #expect(names(head) == names(get))
    }

    @Test("a connection is kept after whole, partial, empty and refused replies")
    func keepAlive() async throws {
        let (world, job, etag) = try await Self.digits.value()
        let connection = try await RawConnection.open(port: world.service.port)
        let wishes: [(String, HeaderList, Int)] = [
            ("GET", [:], 200), ("HEAD", [:], 200), ("GET", ["Range": "bytes=1-2"], 206),
            ("GET", ["If-None-Match": etag], 304), ("GET", ["Range": "bytes=10-"], 416), ("GET", [:], 200),
        ]
        for (method, headers, status) in wishes {
            try await connection.send(
                world.service.client.head(
                    method, job.path("transcript"), headers: world.credentials(of: .alice) + headers))
            #expect(try await connection.read(to: method).status == status)
        }
    }

    @Test("pipelined requests are answered in order")
    func pipelined() async throws {
        let (world, job, _) = try await Self.digits.value()
        let connection = try await RawConnection.open(port: world.service.port)
        let requests = (0..<8).flatMap { index in
            world.service.client.head(
                "GET", job.path("transcript"),
                headers: world.credentials(of: .alice) + ["Range": "bytes=\(index)-\(index)"])
        }
        try await connection.send(requests)
        for index in 0..<8 { #expect(try await connection.read().text == String(index)) }
    }

    @Test("a range deep in a large object is exact")
    func deepRange() async throws {
        let world = try await World.shared()
        let sound = Sample.wav(samples: 1 << 20, seed: 5)
        let job = try await world.jobWithInput(sound)
        for (first, last) in [(1_048_575, 1_048_577), (65_535, 131_073), (2_000_000, 2_097_195)] {
            let reply = try await world.get("input", of: job, headers: ["Range": "bytes=\(first)-\(last)"])
            #expect(reply.status == 206 && reply.body == Array(sound[first...last]))
        }
    }

    @Test("every reply that carries an object forbids what a browser could do with it")
    func servingHeaders() async throws {
        let (world, job, _) = try await Self.digits.value()
        for headers: HeaderList in [[:], ["Range": "bytes=0-1"]] {
            let reply = try await world.get("transcript", of: job, headers: headers)
            #expect(reply.headers.all("X-Content-Type-Options") == ["nosniff"])
            #expect(reply.headers.all("Content-Security-Policy") == ["default-src 'none'; sandbox"])
            #expect(reply.headers.all("Cross-Origin-Resource-Policy") == ["same-site"])
            #expect(reply.headers.all("Cache-Control") == ["private, no-store"])
            #expect(reply.headers.all("Content-Type") == ["text/plain; charset=utf-8"])
            #expect(reply.header("Content-Disposition")?.hasPrefix("attachment") == true)
        }
    }

    @Test(
        "inline is for audio, video and plain text only",
        arguments: [
            ("transcript", "text", "text/plain", "inline"), ("json", "{}", "application/json", "attachment"),
        ])
    func disposition(kind: String, text: String, type: String, expected: String) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        _ = try await world.store(kind, of: job, Array(text.utf8), type: type)
        _ = try await world.store("input", of: job, Sample.wav(), type: "audio/wav")
        for (object, want) in [(kind, expected), ("input", "inline")] {
            let plain = try await world.get(object, of: job)
            let inline = try await world.send("GET", job.path(object) + "?disposition=inline")
            let attachment = try await world.send("GET", job.path(object) + "?disposition=attachment")
            #expect(plain.header("Content-Disposition")?.hasPrefix("attachment") == true)
            #expect(inline.header("Content-Disposition")?.hasPrefix(want) == true, "\(inline.summary)")
            #expect(attachment.header("Content-Disposition")?.hasPrefix("attachment") == true)
        }
    }

    @Test(
        "a text's type is that of its kind, whatever the text speaks of",
        arguments: [
            "import os from sys\nfunction f() { return 1 }\n", "<!DOCTYPE html><script>alert(1)</script>",
            "%PDF-1.4 is how a PDF begins", "#!/bin/sh\nrm -rf /\n", "<?xml version=\"1.0\"?><svg/>",
            "{\"a\": 1}",
        ])
    func typeOfKind(text: String) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        _ = try await world.store("transcript", of: job, Array(text.utf8))
        let reply = try await world.get("transcript", of: job)
        #expect(reply.header("Content-Type") == "text/plain; charset=utf-8" && reply.text == text)
    }

    @Test("bytes gone under a row: 503 bytes-missing, and the row stays")
    func bytesMissing() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let object = try await world.store("transcript", of: job, Sample.text())
        let key = try #require(object["key"].string)
        try FileManager.default.removeItem(atPath: world.bucket + "/" + key)
        let reply = try await world.get("transcript", of: job)
        expectProblem(reply, 503)
        #expect(reply.json["type"].string == "urn:custode:bytes-missing")
        #expect(try await world.reference("transcript", of: job) == key)
    }

    @Test("an absent object is 404 to GET and HEAD alike")
    func absent() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        expectProblem(try await world.get("transcript", of: job), 404)
        #expect(try await world.send("HEAD", job.path("input")).status == 404)
    }
}
