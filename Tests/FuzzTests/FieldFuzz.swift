import CustodeCore
import CustodeTesting
import Foundation
import HTTPTypes
import Testing

@testable import CustodeHTTP

@Suite("fuzzing fields and targets of requests", .serialized)
struct FieldFuzz {
    @Test("a name of a file is harmless, and comes back from the field it is written into")
    func disposition() async throws {
        let fuzzer = Fuzzer(
            "disposition",
            texts: [
                "attachment; filename=\"a.wav\"", "attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe.wav",
                "; filename=a\\b/c",
                "attachment; filename=\"a \\\"b\\\" c\"; filename*=utf-8'de'%2e%2e%2fetc", "inline;filename=..",
                "attachment; filename*=UTF-8''" + String(repeating: "%F0%9F%91%8D", count: 80),
                "x; filename=\"" + String(repeating: "a/", count: 150) + "\u{202E}gnp.exe\"",
            ],
            tokens: [
                ";", "filename=", "filename*=", "UTF-8''", "\"", "\\", "/", "..", "%2f", "%5c", "%0d%0a", "%00", "%",
                "'", " ", "%E2%80%AE", "%F0%9F%91%8D", "\u{202E}",
            ])
        try await fuzzer.run { trial in
            for name in [ContentDisposition.filename(in: trial.text), ContentDisposition.harmless(trial.text)] {
                guard let name else { continue }
                try hold((1...255).contains(name.utf8.count) && name != "." && name != "..", "it is a name")
                for scalar in name.unicodeScalars {
                    let isControl = [.control, .lineSeparator, .paragraphSeparator].contains(
                        scalar.properties.generalCategory)
                    try hold(!isControl && scalar != "/" && scalar != "\\", "\(scalar.value) does no harm")
                    try hold(!scalar.properties.isBidiControl, "nothing turns the writing around")
                }
                for disposition in Disposition.allCases {
                    let field = ContentDisposition.field(disposition, filename: name)
                    try hold(field.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "the field is plain ASCII")
                    try hold(field.utf8.count < 1_200, "the field is no longer than heads may be")
                    let again = ContentDisposition.filename(in: field)
                    try hold(again.map { same($0, name) } == true, "\(field) is read as \(name)")
                }
            }
        }
    }

    @Test("metadata of uploads is what an independent reader finds, and no key is read twice")
    func metadata() async throws {
        let fuzzer = Fuzzer(
            "metadata",
            texts: [
                "job NDI=,object aW5wdXQ=,filename YS53YXY=", "filename", "is_confidential,filename d29ybGQ=", "a ,b ",
                "a AA==,a AA==", "filetype YXVkaW8vd2F2,name 4p2k", "",
            ],
            tokens: [",", " ", "=", "==", "job", "object", "filename", "NDI=", "/+8=", "_-8=", ",a", "AA=="])
        try await fuzzer.run { trial in
            if let read = try? UploadMetadata(trial.text) {
                var seen: Set<String> = []
                for item in trial.text.split(separator: ",") {
                    let parts = item.split(separator: " ")
                    guard let key = parts.first.map(String.init) else { continue }
                    try hold(seen.insert(key).inserted, "\(key) is given once")
                    let value = parts.count > 1 ? Data(base64Encoded: String(parts[1])) : Data()
                    guard let value else { throw Broken("\(parts[1]) is not base64, and is read") }
                    let expected = String(validating: value, as: UTF8.self).flatMap { $0.isEmpty ? nil : $0 }
                    let found = try? read.text(key)
                    try hold(found.map(Array.init) == expected.map(Array.init), "\(key) is \(expected ?? "nothing")")
                }
            }
            let written = "note " + Data(trial.bytes).base64EncodedString() + ",job NDI="
            let read = try UploadMetadata(written)
            try hold(try read.text("job") == "42", "a key is read beside any other")
            guard let text = String(validating: trial.bytes, as: UTF8.self), !text.isEmpty else { return }
            try hold(try read.text("note").map { same($0, text) } == true, "a value comes back")
        }
    }

    @Test("base64, percent-encoding and digests are what Foundation finds, and each has one spelling")
    func encodings() async throws {
        let digest = Data(SHA256.digest([1])).base64EncodedString()
        let fuzzer = Fuzzer(
            "encodings",
            texts: [
                "sha-256=:\(digest):", "md5=:AA==:, sha-256=:\(digest):", "sha-512=:AAAA:", digest, "AA==", "AAA=",
                "%2e%2E",
                "a%C3%A9", "%", "%e", "100%25", "sha-256=:\(digest):;q=1",
            ],
            tokens: ["sha-256", "=", ":", "%", "%C3%A9", "%00", ",", "+", "/", "-", "_", digest, " "])
        try await fuzzer.run { trial in
            let foundation = Data(base64Encoded: Data(trial.bytes))
            let isCanonical = foundation.map { Array($0.base64EncodedString().utf8) == trial.bytes } ?? false
            let ours = Base64.decode(trial.bytes)
            try hold(ours == (isCanonical ? foundation.map(Array.init) : nil), "base64 is read strictly")
            try hold(Base64.decode(Data(trial.bytes).base64EncodedString().utf8) == trial.bytes, "base64 comes back")
            if let plain = PercentEncoding.decode(trial.text),
                same(trial.text, String(validating: trial.bytes, as: UTF8.self) ?? "")
            {
                try hold(percentDecoded(trial.bytes) == Array(plain.utf8), "percents are read")
            }
            for encoded in [PercentEncoding.encode(trial.text), PercentEncoding.segment(trial.text)] {
                try hold(PercentEncoding.decode(encoded).map { same($0, trial.text) } == true, "percents come back")
                try hold(encoded.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }, "\(encoded) is plain")
            }
            if let found = try? ContentDigest.sha256(trial.text) {
                let written = "sha-256=:\(Data(found.bytes).base64EncodedString()):"
                try hold(
                    trial.text.utf8.contains(":\(Data(found.bytes).base64EncodedString()):".utf8), "it stands there")
                try hold(try ContentDigest.sha256(written) == found, "a digest comes back")
            }
            _ = MediaType(trial.text)
        }
    }

    @Test("numbers, booleans and checksums of uploads are read once or not at all")
    func fields() async throws {
        let fuzzer = Fuzzer(
            "fields",
            texts: ["0", "5", "9223372036854775807", "?1", "?0;a", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "md5 AA=="],
            tokens: ["?1", ";", " ", "sha1 ", "sha256 ", "crc32 ", "=", "+", "\u{661}"])
        try await fuzzer.run { trial in
            var fields = HTTPFields()
            for name in [HTTPField.Name.uploadOffset, .uploadComplete, .uploadChecksum] { fields[name] = trial.text }
            let kept = fields[.uploadOffset] ?? ""
            if let count = try? UploadFields.count(fields, .uploadOffset) {
                let digits = kept.drop { $0 == "0" }
                try hold(
                    count >= 0 && same(String(count), digits.isEmpty ? "0" : String(digits)), "\(count) stands there")
            }
            if let isTrue = UploadFields.boolean(fields, .uploadComplete) {
                try hold(kept.utf8.starts(with: (isTrue ? "?1" : "?0").utf8) || kept.hasPrefix(" "), "it stands there")
            }
            _ = try? UploadFields.checksum(fields)
            fields.append(HTTPField(name: .uploadOffset, value: "1"))
            fields.append(HTTPField(name: .uploadComplete, value: "?1"))
            #expect(throws: Refusal.self) { try UploadFields.count(fields, .uploadOffset) }
            try hold(UploadFields.boolean(fields, .uploadComplete) == nil, "no boolean is read of two")
        }
    }

    @Test("a path that is found is spelled in one way only, and no parameter is read twice")
    func targets() async throws {
        let fuzzer = Fuzzer(
            "targets",
            texts: [
                "/v1/jobs/42/input", "/v1/jobs/a%2Fb/objects?disposition=inline", "/v1/links", "/o/token/name.wav?x=1",
                "/v1/jobs/42/links", "/u/token", "/u/token/upload", "/v1/uploads", "/v1/uploads/abc", "/openapi.json",
                "/docs",
                "http://host/v1/jobs/42/input?disposition=inline&disposition=attachment#f", "*", "host:443",
            ],
            tokens: [
                "/", "//", "/.", "/..", "?", "#", "&", "=", "disposition=inline", "&disposition=", "%2f", "%", "://",
                "v1",
                "jobs", "\u{301}", "+",
            ])
        try await fuzzer.run { trial in
            let target = RequestTarget(trial.text)
            try hold(!target.path.utf8.contains { $0 == 0x3F || $0 == 0x23 }, "the path ends before the query")
            try hold(!target.query.utf8.contains(0x23), "the query ends before the fragment")
            if let route = Route(path: target.path) { try Self.check(route, target.path) }
            let given = target.query.utf8.split(separator: 0x26).filter {
                $0.elementsEqual("disposition".utf8) || $0.starts(with: "disposition=".utf8)
            }
            let found = Result { () throws(Refusal) in try target.parameter("disposition") }
            switch (given.count, found) {
            case (0, .success(nil)): break
            case (1, .success(let value?)):
                let plain = percentDecoded(Array(given[0].dropFirst(12))) ?? []
                try hold(value.isEmpty || Array(value.utf8) == plain, "\(value) is what was given")
            case (2..., .failure): break
            default: throw Broken("\(given.count) of it, and \(found)")
            }
        }
    }

    private static func check(_ route: Route, _ path: Substring) throws {
        let parts: [String]
        switch route {
        case .objects(let job): parts = ["v1", "jobs", job, "objects"]
        case .jobLinks(let job): parts = ["v1", "jobs", job, "links"]
        case .object(let job, let name): parts = ["v1", "jobs", job, name]
        case .links: parts = ["v1", "links"]
        case .download(let token): parts = ["o", token]
        case .upload(let token): parts = ["u", token]
        case .linkedUpload(let token, let id): parts = ["u", token, id]
        case .uploads: parts = ["v1", "uploads"]
        case .resumable(let id): parts = ["v1", "uploads", id]
        case .openAPI: parts = ["openapi.json"]
        case .docs: parts = ["docs"]
        }
        let spelled = "/" + parts.joined(separator: "/")
        if case .download = route, path.utf8.count > spelled.utf8.count {
            let tail = path.utf8.dropFirst(spelled.utf8.count)
            try hold(path.utf8.starts(with: spelled.utf8) && tail.first == 0x2F, "\(path) is \(spelled) and a name")
            try hold(!tail.dropFirst().contains(0x2F), "a name is one segment")
        } else {
            try hold(same(spelled, path), "\(path) is \(spelled)")
        }
        try hold(!route.methods.isEmpty && !parts.contains { $0.utf8.contains(0x2F) }, "no part holds a slash")
    }
}
