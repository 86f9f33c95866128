import CustodeTesting
import Foundation
import Testing

@Suite("fuzzing the service", .serialized)
struct ServiceFuzz {
    private static let fields = [
        "Range: bytes=0-9\r\n", "Range: bytes=0-0,2-3\r\n", "If-Match: *\r\n", "If-None-Match: \"x\"\r\n",
        "If-Range: \"x\"\r\n",
        "If-Modified-Since: Mon, 23 Nov 2026 01:02:03 GMT\r\n",
        "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
        "Content-Disposition: attachment; filename=\"../../a\"\r\n", "Content-Type: audio/wav\r\n",
        "Content-Length: {length}\r\n",
        "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n", "Connection: close\r\n",
        "Content-Encoding: gzip\r\n", "Content-Digest: sha-256=:AAAA:\r\n", "Repr-Digest: sha-256=:AAAA:\r\n",
        "Tus-Resumable: 1.0.0\r\n",
        "Upload-Offset: 0\r\n", "Upload-Offset: 700\r\n", "Upload-Length: 1000\r\n", "Upload-Defer-Length: 1\r\n",
        "Upload-Complete: ?1\r\n",
        "Upload-Complete: ?0\r\n", "Upload-Draft-Interop-Version: 8\r\n",
        "Upload-Metadata: job {bob-job-64},object aW5wdXQ=\r\n",
        "Upload-Metadata: job {alice-job-64},object aW5wdXQ=\r\n", "Upload-Concat: partial\r\n",
        "Upload-Concat: final;{alice-upload} {bob-upload}\r\n", "Upload-Checksum: sha1 AAAA\r\n",
        "X-HTTP-Method-Override: DELETE\r\n",
        "Origin: https://a.example\r\n", "Access-Control-Request-Method: PUT\r\n", "Host: other\r\n",
        "Custode-User: {alice-job}\r\n",
        "Authorization: Bearer {download}\r\n", "Authorization: Bearer cus_both_0\r\n", "{bob}",
    ]

    private static let paths = [
        "/v1/jobs/{alice-job}/input", "/v1/jobs/{alice-job}/transcript", "/v1/jobs/{alice-job}/objects",
        "/v1/jobs/{alice-job}/links",
        "{alice-upload}", "/v1/jobs/{bob-job}/input", "/v1/jobs/{bob-job}/transcript", "/v1/jobs/{bob-job}/objects",
        "/v1/jobs/{bob-job}/links", "/v1/links", "/v1/uploads", "{bob-upload}", "/o/{download}/a.wav",
        "/o/{download}?disposition=inline",
        "/u/{upload}", "/u/{upload}/{alice-upload-id}", "/openapi.json", "/docs",
    ]

    /// Requests as they should be, of every kind, with names for what only the running service knows.
    private static let corpus: [[UInt8]] = {
        let tus = "Tus-Resumable: 1.0.0\r\n"
        let chunk = tus + "Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\nUpload-Offset: "
        let part = "Content-Type: application/partial-upload\r\nContent-Length: {length}\r\nUpload-Offset: "
        let json = "Content-Type: application/json\r\nContent-Length: {length}\r\n"
        let bobs = "GET /v1/jobs/{bob-job}/input HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{bob}"
        var requests = [bobs + "Range: bytes=0-9\r\n\r\n", bobs + "If-Match: \"x\"\r\n\r\n"]
        for who in ["", "{bob}"] {
            // With what is bob's own it goes furthest.
            for path in paths where path.contains("bob") || path.contains("{download}") {
                for method in ["GET", "HEAD", "OPTIONS"] {
                    requests.append("\(method) \(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\(who)\r\n")
                }
            }
            for path in paths {
                let isUpload = path.contains("-upload")
                let isObject = path.contains("put") || path.contains("transcript")
                let isLinks = path.contains("links")
                requests.append("GET \(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\(who)\r\n")
                if isObject || isUpload || isLinks {
                    requests.append("DELETE \(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\(who)\(tus)\r\n")
                }
                if isObject || path == "/u/{upload}" {
                    requests.append(
                        "PUT \(path) HTTP/1.1\r\nHost: h\r\n\(who)Content-Type: audio/wav\r\nContent-Length: {length}\r\n\r\n{sound}"
                    )
                }
                if isUpload {
                    requests.append("PATCH \(path) HTTP/1.1\r\nHost: h\r\n\(who)\(chunk)700\r\n\r\nabc")
                    requests.append(
                        "PATCH \(path) HTTP/1.1\r\nHost: h\r\n\(who)\(part)700\r\nUpload-Complete: ?1\r\n\r\nabc")
                }
                if isLinks {
                    requests.append(
                        "POST \(path) HTTP/1.1\r\nHost: h\r\n\(who)\(json)\r\n{\"object\":\"input\",\"operation\":\"upload\","
                            + "\"ttl_seconds\":60}")
                }
            }
            requests.append(
                "POST /v1/links HTTP/1.1\r\nHost: h\r\n\(who)\(json)\r\n{\"links\":[{\"job_id\":\"{alice-job}\",\"object\":\"input\"}]}"
            )
            requests.append(
                "POST /v1/uploads HTTP/1.1\r\nHost: h\r\n\(who)\(tus)Upload-Length: 9\r\nUpload-Metadata: job {alice-job-64},"
                    + "object aW5wdXQ=\r\nContent-Length: 0\r\n\r\n")
            requests.append(
                "PUT /v1/jobs/{bob-job}/transcript HTTP/1.1\r\nHost: h\r\n\(who)Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
            )
        }
        return requests.map { Array($0.utf8) }
    }()

    private static let tokens =
        (fields + paths + [
            "GET ", "HEAD ", "OPTIONS ", "TRACE ", " HTTP/1.0\r\n", "\r\n", "\r\n\r\n", "\n", "0\r\n\r\n",
            "fffffffffffffffff\r\n",
        ]
        + [
            "{sound}", "http://h", "/..", "%2f", "%00", "\"once\":true,", "\"max_bytes\":-1,",
            "?response-content-type=text/html",
        ])
        .map { Array($0.utf8) }

    @Test("no request of a stranger's or another user's moves the service, or anything that is alice's")
    func requests() async throws {
        var fuzzer = Fuzzer("requests", corpus: Self.corpus, tokens: Self.tokens)
        fuzzer.longest = 6_000
        fuzzer.time *= 4
        fuzzer.lines = Self.fields.map { Array($0.utf8) }
        let field = try await ServiceField.prepare()
        try await field.checkMarks()
        var count = 0
        var statuses: [Substring: Int] = [:]
        try await fuzzer.run { trial in
            if count.isMultiple(of: 300) { try await field.renew() }
            count += 1
            let request = field.filled(trial.bytes)
            let reply = try await field.exchange(request)
            try hold(field.world.service.pid != nil, "it lives")
            let text = String(decoding: reply, as: UTF8.self)
            try hold(reply.isEmpty || text.hasPrefix("HTTP/1.1 "), "what it answers is HTTP: \(text.prefix(200))")
            try hold(!text.contains("HTTP/1.1 500"), "it knows what to say: \(text.prefix(600))")
            statuses[text.dropFirst(9).prefix(3), default: 0] += 1
            if let leak = field.leak(in: reply) {
                throw Broken("alice's \(leak) for \(String(decoding: request, as: UTF8.self))")
            }
        }
        print(
            "fuzz requests: "
                + statuses.sorted { $0.value > $1.value }.map { "\($0.key)×\($0.value)" }.joined(separator: " "))
        for status: Substring in ["200", "201", "204", "206", "400", "401", "404", "412"] {
            #expect(statuses[status] != nil, "no reply was \(status): the requests do not go far enough")
        }
        try await field.checkUnmoved()
        try await field.world.close()
    }
}
