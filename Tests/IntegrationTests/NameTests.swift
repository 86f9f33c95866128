import CustodeTesting
import Foundation
import Testing

@Suite("File names: RFC 6266 and RFC 8187 both ways", .serialized)
struct NameTests {
    /// A `Content-Disposition` as a browser reads it.
    private struct Disposition {
        let type: String
        let plain: String?
        let extended: String?

        init?(_ header: String?) {
            guard let header else { return nil }
            let pattern =
                /^(inline|attachment)(?:; filename="([A-Za-z0-9 ._-]*)")?(?:; filename\*=UTF-8''([!#$&+.^_`|~A-Za-z0-9%-]*))?$/
            guard let match = header.wholeMatch(of: pattern) else { return nil }
            type = String(match.1)
            plain = match.2.map(String.init)
            extended = match.3.flatMap { String($0).removingPercentEncoding }
        }

        var name: String? { extended ?? plain }
    }

    /// Uploads under a disposition, and returns the name recorded and the header served.
    private func roundTrip(_ disposition: String) async throws -> (recorded: String?, reply: RawResponse) {
        let world = try await World.shared()
        let job = try await world.newJob()
        let object = try await world.store(
            "input", of: job, Sample.wav(), type: "audio/wav", headers: ["Content-Disposition": disposition])
        return (object["filename"].string, try await world.get("input", of: job))
    }

    @Test(
        "a name comes back as it was given, plain or extended",
        arguments: [
            ("attachment; filename=\"talk.wav\"", "talk.wav"), ("attachment; filename=talk.wav", "talk.wav"),
            ("inline; filename=\"a b.wav\"", "a b.wav"), ("ATTACHMENT; FileName=\"talk.wav\"", "talk.wav"),
            ("attachment;filename=\"talk.wav\"", "talk.wav"),
            ("attachment ; filename = \"talk.wav\"", "talk.wav"),
            ("attachment; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.wav", "naïve €.wav"),
            ("attachment; filename*=utf-8'de'Stra%C3%9Fe.wav", "Straße.wav"),
            ("attachment; filename=\"plain.wav\"; filename*=UTF-8''%E2%82%AC.wav", "€.wav"),
            ("attachment; filename*=UTF-8''%E2%82%AC.wav; filename=\"plain.wav\"", "€.wav"),
            ("attachment; filename*=UTF-8''%F0%9F%98%80.wav", "😀.wav"),
            ("attachment; filename*=UTF-8''%E6%9D%B1%E4%BA%AC.wav", "東京.wav"),
            ("attachment; x=\"filename=evil\"; filename=\"talk.wav\"", "talk.wav"),
        ])
    func given(disposition: String, name: String) async throws {
        let (recorded, reply) = try await roundTrip(disposition)
        #expect(recorded == name)
        let header = reply.header("Content-Disposition")
        let served = Disposition(header)
        #expect(served?.name == name, "\(header ?? "none")")
        #expect(served?.type == "attachment")
        let isPlain = name.wholeMatch(of: /[A-Za-z0-9 ._-]+/) != nil
        #expect(isPlain || served?.extended == name, "beyond ASCII it is told in filename*")
    }

    @Test(
        "a name that would do harm is made harmless",
        arguments: [
            "attachment; filename=\"a \\\"quoted\\\" name.wav\"",
            "attachment; filename=\"back\\\\slash.wav\"",
            "attachment; filename=\"../../etc/passwd\"", "attachment; filename=\"C:\\\\dir\\\\talk.wav\"",
            "attachment; filename*=UTF-8''a%0D%0AX-Evil%3A%20yes", "attachment; filename*=UTF-8''a%00b.wav",
            "attachment; filename*=UTF-8''%E2%80%AEgnp.exe",
            "attachment; filename*=UTF-8''%E2%81%A6a%E2%81%A9.wav",
            "attachment; filename*=UTF-8''%2e%2e%2f%2e%2e%2fetc%2fpasswd", "attachment; filename=\"..\"",
            "attachment; filename*=UTF-8''%C2%85next%C2%9Bline.wav", "attachment; filename=\"\"",
            "attachment; filename*=UTF-8''%1B[31mred.wav", "attachment; filename*=UTF-8''a%22%3B%20x%3D1.wav",
            "attachment; filename=\"a;b=c,d.wav\"", "attachment; filename=\" \"",
            "attachment; filename=\"%2e%2e%2f\"",
        ])
    func harmless(disposition: String) async throws {
        let (recorded, reply) = try await roundTrip(disposition)
        let header = try #require(reply.header("Content-Disposition"))
        #expect(reply.header("X-Evil") == nil)
        let served = try #require(Disposition(header), "\(header)")
        let name = (served.name ?? "") + (recorded ?? "")
        let forbidden = name.unicodeScalars.filter { scalar in
            scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
                || scalar == "/" || scalar == "\\"
        }
        #expect(forbidden.isEmpty, "\(header) \(recorded ?? "none")")
        #expect(served.name != ".." && served.name != "." && served.name != "")
    }

    @Test(
        "a name beyond 255 bytes is cut at a character's edge",
        arguments: ["a", "é", "€", "😀", "e\u{301}"], [300, 3_000])
    func long(letter: String, count: Int) async throws {
        let name = String(repeating: letter, count: count / letter.utf8.count) + ".wav"
        let encoded = name.utf8.map { String(format: "%%%02X", $0) }.joined()
        let (recorded, reply) = try await roundTrip("attachment; filename*=UTF-8''" + encoded)
        let served = try #require(Disposition(reply.header("Content-Disposition"))?.name)
        for text in [served, recorded ?? ""] {
            #expect(text.utf8.count <= 255 && text.hasPrefix(letter), "\(text.utf8.count)")
            #expect(!text.unicodeScalars.contains("\u{fffd}"))
        }
    }

    @Test(
        "a disposition that is malformed is ignored or refused, never an error of ours",
        arguments: [
            "", ";", "attachment; filename", "attachment; filename=", "attachment; filename=\"open",
            "filename=x",
            "attachment; filename*=UTF-8''%ZZ", "attachment; filename*=UTF-8''%FF%FE",
            "attachment; filename*=x",
            "attachment; filename*=''", "attachment; filename=\"a\"; filename=\"b\"", "attachment;;;", "\"",
            "attachment; filename=naïve.wav", "attachment; filename=\"naïve.wav\"",
        ])
    func malformed(disposition: String) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let reply = try await world.put(
            "input", of: job, Sample.wav(), type: "audio/wav", headers: ["Content-Disposition": disposition])
        #expect([201, 400].contains(reply.status), "\(reply.summary)")
        guard reply.status == 201 else { return }
        let back = try await world.get("input", of: job)
        #expect(Disposition(back.header("Content-Disposition")) != nil, "\(back.summary)")
    }
}
