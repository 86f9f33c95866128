import CustodeTesting
import Foundation
import Testing

@Suite("Edges of names, versions, links and settings", .serialized)
struct HardeningTests {
    /// The name recorded for an upload with this `filename*`.
    private func recordedName(_ name: String) async throws -> String? {
        let world = try await World.shared()
        let encoded = name.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return try await world.store(
            "transcript", of: try await world.newJob(), Sample.text(),
            headers: ["Content-Disposition": "attachment; filename*=UTF-8''" + encoded])["filename"].string
    }

    @Test(
        "a slash that something is combined with is a slash",
        arguments: [
            "../\u{200d}../\u{200d}etc/\u{200d}passwd", "..\\\u{200d}..\\\u{200d}etc\\\u{200d}passwd",
            "/\u{301}etc/\u{fe0f}passwd",
        ])
    func combinedSlash(name: String) async throws {
        let recorded = try #require(try await recordedName(name))
        #expect(!recorded.unicodeScalars.contains { $0 == "/" || $0 == "\\" }, "\(recorded)")
        #expect(recorded.hasSuffix("passwd") && !recorded.contains("etc"), "\(recorded)")
    }

    @Test("a name that is one huge character is cut, not lost")
    func hugeCharacter() async throws {
        let recorded = try #require(try await recordedName("e" + String(repeating: "\u{301}", count: 1_000)))
        #expect((200...255).contains(recorded.utf8.count))
        #expect(recorded.unicodeScalars.first == "e")
    }

    @Test("a deletion whose If-None-Match is met is 412 and deletes nothing", arguments: ["%ETAG", "*"])
    func deletionUnlessMatching(value: String) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let etag = try #require(try await world.store("transcript", of: job, Sample.text())["etag"].string)
        let reply = try await world.send(
            "DELETE", job.path("transcript"), headers: ["If-None-Match": value.replacing("%ETAG", with: etag)]
        )
        expectProblem(reply, 412)
        #expect(try await world.get("transcript", of: job).body == Sample.text())
        let other = try await world.send(
            "DELETE", job.path("transcript"), headers: ["If-None-Match": "\"other\""])
        #expect(other.status == 204, "\(other.summary)")
    }

    @Test(
        "versions of an object never share a date, so a range by date never mixes them",
        arguments: [true, false])
    func dates(isReplaced: Bool) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        var dates: [String] = []
        for number in 0..<3 {
            var headers: HeaderList = [:]
            if number > 0 {
                let last = try await world.get("transcript", of: job)
                if isReplaced {
                    headers = ["If-Match": try #require(last.header("ETag"))]
                } else {
                    #expect(try await world.send("DELETE", job.path("transcript")).status == 204)
                }
            }
            let put = try await world.put("transcript", of: job, Sample.text(number), headers: headers)
            #expect(put.status == (headers.fields.isEmpty ? 201 : 200), "\(put.summary)")
            if let old = dates.last {
                let range = try await world.get(
                    "transcript", of: job, headers: ["Range": "bytes=5-", "If-Range": old])
                #expect(range.status == 200 && range.body == Sample.text(number), "\(range.summary)")
            }
            dates.append(try #require(try await world.get("transcript", of: job).header("Last-Modified")))
        }
        #expect(Set(dates).count == dates.count, "\(dates)")
    }

    @Test("an upload link that works once is used up by its upload, whatever becomes of the object")
    func uploadOnce() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let target = try await world.link("transcript", of: job, ["operation": "upload", "once": true])
        let put = { @Sendable (bytes: [UInt8], headers: HeaderList) in
            try await world.send("PUT", target, as: .stranger, headers: headers, body: .bytes(bytes))
        }
        expectProblem(try await put([0, 1, 2, 0], [:]), 415)
        let first = try await put(Sample.text(1), [:])
        #expect(first.status == 201, "a refused upload does not count: \(first.summary)")
        let etag = try #require(first.header("ETag"))
        expectProblem(try await put(Sample.text(2), ["If-Match": etag]), 410)
        #expect(try await world.get("transcript", of: job).body == Sample.text(1))
        #expect(try await world.send("DELETE", job.path("transcript")).status == 204)
        expectProblem(try await put(Sample.text(3), [:]), 410)
        expectProblem(try await world.get("transcript", of: job), 404)
    }

    @Test(
        "a Content-Location leads back to the object, also of a job called . or ..", arguments: [".", ".."])
    func dotJobs(id: String) async throws {
        let world = try await World.sharedWithTextIDs()
        let row = "(\(TestDatabase.quote(id)), \(TestDatabase.quote(world.alice)), 'transcription')"
        try await world.database.sql("insert into jobs (id, user_id, type) values \(row)")
        let path = "/v1/jobs/" + id.replacing(".", with: "%2E") + "/transcript"
        let reply = try await world.send("PUT", path, body: .bytes(Sample.text()))
        #expect(reply.status == 201, "\(reply.summary)")
        let location = try #require(reply.header("Content-Location"))
        #expect(location.uppercased().hasSuffix(path.uppercased()), "\(location)")
        #expect(try await world.send("GET", path).body == Sample.text())
        try await world.database.sql("delete from jobs where id = \(TestDatabase.quote(id))")
    }

    @Test("a setting and its _FILE together stop the start, and both are named")
    func doubledSetting() async throws {
        let world = try await World.prepare()
        let folder = try TestFolder()
        let file = folder.path + "/uri"
        try world.database.uri.write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try await world.service.run("schema", "install").status == 0)
        let settings = world.service.settings.merging(["CUSTODE_DATABASE_URL_FILE": file]) { $1 }
        let outcome = try await Command.run(
            Checkout.binary, ["serve"], environment: Command.environment.merging(settings) { $1 },
            within: .seconds(10))
        #expect(outcome.status == 1)
        #expect(
            outcome.errors.contains("CUSTODE_DATABASE_URL and CUSTODE_DATABASE_URL_FILE"), "\(outcome.errors)"
        )
        folder.remove()
    }

    @Test(
        "no command shows a password of the database, by whatever name it goes",
        arguments: [["check"], ["check", "--json"]])
    func maskedPassword(arguments: [String]) async throws {
        let world = try await World.shared()
        let uri = world.database.uri + "?sslpassword=hunter2hunter2&password=tr0ub4dor"
        let settings = world.service.settings.merging(["CUSTODE_DATABASE_URL": uri]) { $1 }
        let outcome = try await Command.run(
            Checkout.binary, arguments, environment: Command.environment.merging(settings) { $1 })
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        for secret in ["hunter2", "tr0ub4dor", PrivatePostgres.password] {
            #expect(!(outcome.output + outcome.errors).contains(secret))
        }
    }
}
