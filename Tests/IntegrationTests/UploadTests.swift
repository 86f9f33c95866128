import CustodeTesting
import Foundation
import Testing

@Suite("Uploads: PUT /v1/jobs/{job}/{object}", .serialized)
struct UploadTests {
    @Test("an upload is answered 201 with the object, its ETag and where it is")
    func created() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let sound = Sample.wav()
        let reply = try await world.put(
            "input", of: job, sound, type: "audio/wav",
            headers: ["Content-Disposition": "attachment; filename=\"talk.wav\""])
        #expect(reply.status == 201, "\(reply.summary)")
        let object = reply.json
        #expect(
            object.names == [
                "content_type", "created_at", "etag", "filename", "job_id", "key", "object", "sha256", "size",
            ])
        #expect(object["job_id"].string == job.id)
        #expect(object["object"].string == "input")
        #expect(object["size"].int == sound.count)
        #expect(object["sha256"].string == SHA256.hex(sound))
        #expect(object["content_type"].string?.hasPrefix("audio/") == true)
        #expect(object["filename"].string == "talk.wav")
        let etag = try #require(object["etag"].string)
        #expect(etag.hasPrefix("\"") && etag.hasSuffix("\"") && etag.count > 2, "strong, quotes included")
        #expect(reply.header("ETag") == etag)
        #expect(reply.header("Content-Location")?.hasSuffix(job.path("input")) == true, "\(reply.summary)")
        let time = try #require(object["created_at"].string)
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/) != nil, "\(time)")
    }

    @Test("the key is made of owner, job and object, stands in jobs.input_ref, and holds the bytes")
    func inputKey() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let sound = Sample.wav(seed: 2)
        let object = try await world.store("input", of: job, sound, type: "audio/wav")
        let key = World.key(user: job.user, job: job.id, "input/original.wav")
        #expect(object["key"].string == key)
        #expect(try await world.reference("input", of: job) == key)
        #expect(world.stored(key) == sound)
    }

    @Test(
        "an artifact's key stands in artifacts.storage_ref, and holds the bytes",
        arguments: [
            ("transcript", "A plain text.\n", "text/plain", "output/transcript.txt"),
            ("translation", "{\"text\": \"Ein Text.\"}", "application/json", "output/translation.json"),
            ("srt", "1\n00:00:00,000 --> 00:00:01,000\nHello\n", "application/x-subrip", "output/srt.srt"),
            ("json", "{\"words\": []}", "application/json", "output/json.json"),
        ])
    func artifactKey(kind: String, text: String, type: String, file: String) async throws {
        let world = try await World.shared()
        for form in TestJob.Kind.allCases {
            let job = try await world.newJob(form)
            let object = try await world.store(kind, of: job, Array(text.utf8), type: type)
            let key = try #require(object["key"].string)
            #expect(key == World.key(user: job.user, job: job.id, file))
            #expect(try await world.reference(kind, of: job) == key)
            #expect(world.stored(key) == Array(text.utf8))
        }
    }

    @Test(
        "a chunked body arrives like one with a length, however it is cut", arguments: [1, 7, 1_000, 100_000])
    func chunked(size: Int) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let sound = Sample.wav(samples: size == 1 ? 500 : 60_000, seed: UInt32(size))
        let chunks = stride(from: 0, to: sound.count, by: size).map {
            Array(sound[$0..<min($0 + size, sound.count)])
        }
        let reply = try await world.send(
            "PUT", job.path("input"), headers: ["Content-Type": "audio/wav"], body: .chunked(chunks))
        #expect(reply.status == 201, "\(reply.summary)")
        #expect(reply.json["sha256"].string == SHA256.hex(sound))
        #expect(try await world.get("input", of: job).body == sound)
    }

    @Test("chunk extensions and trailers are not part of the body")
    func extensionsAndTrailers() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let wire = Array("5;name=value\r\nHello\r\n7\r\n, world\r\n0\r\nX-Trailer: yes\r\n\r\n".utf8)
        let reply = try await world.send(
            "PUT", job.path("transcript"), headers: ["Transfer-Encoding": "chunked"], body: .raw(wire))
        #expect(reply.status == 201, "\(reply.summary)")
        #expect(try await world.get("transcript", of: job).text == "Hello, world")
    }

    @Test("bodies of many megabytes come back as they went")
    func large() async throws {
        let world = try await World.shared()
        let sound = Sample.wav(samples: 2 << 20, seed: 9)
        let job = try await world.jobWithInput(sound)
        #expect(try await world.get("input", of: job).body == sound)
    }

    @Test("a Content-Digest that is right is taken, also beside one of another algorithm")
    func digest() async throws {
        let world = try await World.shared()
        let text = Sample.text()
        for header in [
            SHA256.contentDigest(text), "unixsum=:AAAA:, " + SHA256.contentDigest(text),
        ] {
            let job = try await world.newJob()
            let reply = try await world.put("transcript", of: job, text, headers: ["Content-Digest": header])
            #expect(reply.status == 201, "\(header): \(reply.summary)")
        }
    }

    @Test("it exists: 409 with its ETag and sha256, and the first bytes stay")
    func exists() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let first = try await world.store("transcript", of: job, Sample.text(1))
        let reply = try await world.put("transcript", of: job, Sample.text(2))
        expectProblem(reply, 409)
        #expect(reply.header("ETag") == first["etag"].string)
        #expect(reply.json["sha256"] == first["sha256"])
        #expect(try await world.get("transcript", of: job).body == Sample.text(1))
    }

    @Test("a lost reply is safe to repeat: 200 and the same object if Content-Digest says the same bytes")
    func repeated() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let text = Sample.text()
        let first = try await world.store("transcript", of: job, text)
        let same = try await world.put(
            "transcript", of: job, text, headers: ["Content-Digest": SHA256.contentDigest(text)])
        #expect(same.status == 200, "\(same.summary)")
        #expect(same.json == first)
        #expect(same.header("ETag") == first["etag"].string)
        let other = try await world.put(
            "transcript", of: job, Sample.text(2),
            headers: ["Content-Digest": SHA256.contentDigest(Sample.text(2))])
        expectProblem(other, 409)
    }

    @Test("If-Match replaces: 200, a key with a suffix, the reference switched, the old bytes untouched")
    func replaced() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let first = try await world.store("transcript", of: job, Sample.text(1))
        let oldKey = try #require(first["key"].string)
        let etag = try #require(first["etag"].string)
        let reply = try await world.put("transcript", of: job, Sample.text(2), headers: ["If-Match": etag])
        #expect(reply.status == 200, "\(reply.summary)")
        #expect(reply.json["etag"].string != etag && reply.header("ETag") == reply.json["etag"].string)
        let key = try #require(reply.json["key"].string)
        let folder = World.key(user: job.user, job: job.id, "output/")
        #expect(key.hasPrefix(folder))
        #expect(key.dropFirst(folder.count).wholeMatch(of: /transcript\.[a-z2-7]{6}\.txt/) != nil, "\(key)")
        #expect(try await world.reference("transcript", of: job) == key)
        #expect(try await world.get("transcript", of: job).body == Sample.text(2))
        #expect(world.stored(oldKey) == Sample.text(1), "bytes follow later, through quarantine")
    }

    @Test(
        "a precondition that does not hold is 412 and changes nothing",
        arguments: [
            ("If-Match", "\"another\""), ("If-Match", "W/%"), ("If-None-Match", "*"),
            ("If-Match", "\"a\", \"b\""),
        ])
    func preconditionFailed(name: String, value: String) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let first = try await world.store("transcript", of: job, Sample.text(1))
        let value = value.replacing("%", with: first["etag"].string ?? "")
        let reply = try await world.put("transcript", of: job, Sample.text(2), headers: [name: value])
        expectProblem(reply, 412)
        #expect(try await world.get("transcript", of: job).body == Sample.text(1))
    }

    @Test(
        "If-Match of an absent object is 412, If-None-Match: * lets it be made", arguments: ["\"any\"", "*"])
    func absent(etag: String) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        expectProblem(
            try await world.put("transcript", of: job, Sample.text(), headers: ["If-Match": etag]), 412)
        let made = try await world.put("transcript", of: job, Sample.text(), headers: ["If-None-Match": "*"])
        #expect(made.status == 201, "\(made.summary)")
    }

    @Test("an empty artifact of a text kind is valid in both framings", arguments: ["transcript", "srt"])
    func emptyArtifact(kind: String) async throws {
        let world = try await World.shared()
        for body in [RequestBody.bytes([]), .chunked([])] {
            let job = try await world.newJob()
            let reply = try await world.send("PUT", job.path(kind), body: body)
            #expect(reply.status == 201, "\(reply.summary)")
            #expect(reply.json["size"].int == 0)
            #expect(reply.json["sha256"].string == SHA256.hex([]))
            let back = try await world.get(kind, of: job)
            #expect(back.status == 200 && back.body.isEmpty)
        }
    }

    @Test("a body of exactly the largest size is taken", arguments: [true, false])
    func largestSize(isChunked: Bool) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let text = Array(("\"" + String(repeating: "a", count: 65_534) + "\"").utf8)
        let reply = try await world.send(
            "PUT", job.path("json"), headers: ["Content-Type": "application/json"],
            body: isChunked ? .chunked([text]) : .bytes(text))
        #expect(reply.status == 201, "\(reply.summary)")
    }

    @Test("Content-Encoding: identity is no encoding")
    func identityEncoding() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let reply = try await world.put(
            "transcript", of: job, Sample.text(), headers: ["Content-Encoding": "identity"])
        #expect(reply.status == 201, "\(reply.summary)")
    }

    @Test("of twenty uploads of one object at once exactly one is taken, and it is the one that is served")
    func atOnce() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let replies = try await withThrowingTaskGroup(of: (Int, RawResponse).self) { group in
            for number in 0..<20 {
                group.addTask { (number, try await world.put("transcript", of: job, Sample.text(number))) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let winners = replies.filter { $0.1.status == 201 }
        #expect(winners.count == 1)
        #expect(replies.filter { $0.1.status == 409 }.count == 19, "\(replies.map(\.1.status))")
        #expect(try await world.get("transcript", of: job).body == winners.first.map { Sample.text($0.0) })
    }

    @Test("of ten replacements of one version at once exactly one is taken, the others are 412")
    func replacedAtOnce() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let etag = try #require(try await world.store("transcript", of: job, Sample.text())["etag"].string)
        let replies = try await withThrowingTaskGroup(of: (Int, RawResponse).self) { group in
            for number in 2..<12 {
                group.addTask {
                    let headers: HeaderList = ["If-Match": etag]
                    return (
                        number,
                        try await world.put("transcript", of: job, Sample.text(number), headers: headers)
                    )
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let winners = replies.filter { $0.1.status == 200 }
        #expect(winners.count == 1)
        #expect(replies.filter { $0.1.status == 412 }.count == 9, "\(replies.map(\.1.status))")
        #expect(try await world.get("transcript", of: job).body == winners.first.map { Sample.text($0.0) })
    }

    @Test("bytes under a key that no row names, as of a dead upload, are no obstacle and stay as they are")
    func takenName() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let folder = World.key(user: job.user, job: job.id, "output/")
        try FileManager.default.createDirectory(
            atPath: world.bucket + "/" + folder, withIntermediateDirectories: true)
        try "dead".write(
            toFile: world.bucket + "/" + folder + "transcript.txt", atomically: true, encoding: .utf8)
        let object = try await world.store("transcript", of: job, Sample.text())
        let key = try #require(object["key"].string)
        #expect(key.dropFirst(folder.count).wholeMatch(of: /transcript\.[a-z2-7]{6}\.txt/) != nil, "\(key)")
        #expect(try await world.get("transcript", of: job).body == Sample.text())
        #expect(world.stored(folder + "transcript.txt") == Array("dead".utf8))
    }

    @Test("the objects of a job are listed, whole, and a job without any has an empty list")
    func list() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let none = try await world.get("objects", of: job)
        #expect(none.status == 200 && none.json == ["objects": []], "\(none.summary)")
        let input = try await world.store("input", of: job, Sample.wav(), type: "audio/wav")
        let transcript = try await world.store("transcript", of: job, Sample.text())
        let listed = try await world.get("objects", of: job).json["objects"].array
        #expect(listed.count == 2 && listed.contains(input) && listed.contains(transcript))
    }

    @Test("a job deleted during the upload: 404, and no row refers to the bytes")
    func deletedMeanwhile() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let sound = Sample.wav(samples: 100_000)
        let connection = try await RawConnection.open(port: world.service.port)
        let head = world.service.client.head(
            "PUT", job.path("input"), headers: world.credentials(of: .alice) + ["Content-Type": "audio/wav"],
            body: .bytes(sound))
        try await connection.send(head + sound.prefix(100_000))
        let begun = try await eventually {
            let key = TestDatabase.quote("users/%/jobs/\(job.id)/%")
            return try await world.database.value(
                "select count(*) from custode.upload_intents where key like \(key)") != "0"
        }
        #expect(begun, "the intent is committed before the first byte")
        try await world.deleteJob(job)
        try await connection.send(Array(sound.dropFirst(100_000)))
        expectProblem(try await connection.read(to: "PUT"), 404)
        let rows = try await world.database.value(
            "select count(*) from custode.objects where job_id::text = \(TestDatabase.quote(job.id))")
        #expect(rows == "0")
    }
}
