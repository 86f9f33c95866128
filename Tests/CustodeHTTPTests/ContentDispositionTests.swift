import CustodeCore
import Testing

@testable import CustodeHTTP

@Suite("names of files, read and written (RFC 6266, RFC 8187)")
struct ContentDispositionTests {
    @Test(
        "the name in a request's field",
        arguments: [
            ("attachment; filename=\"a.wav\"", "a.wav"), ("attachment; filename=a.wav", "a.wav"),
            ("attachment;filename=a.wav", "a.wav"), ("attachment ; FileName = \"a.wav\" ", "a.wav"),
            ("inline; filename=\"a b.wav\"; x=y", "a b.wav"), ("attachment; x=\"; filename=b\"; filename=a", "a"),
            ("attachment; filename=\"a \\\"b\\\" c\"", "a \"b\" c"),
            ("attachment; filename=\"größe.wav\"", "größe.wav"),
            ("attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe.wav", "größe.wav"),
            ("attachment; filename*=utf-8'de'a%20b", "a b"),
            ("attachment; filename=fallback; filename*=UTF-8''best", "best"),
            ("attachment; filename*=UTF-8''best; filename=fallback", "best"),
            ("attachment; filename=good; filename*=iso-8859-1''b%E4d", "good"),
            ("attachment; filename=good; filename*=UTF-8''%ff", "good"),
            ("attachment; filename=good; filename*=nonsense", "good"),
            ("attachment; filename=first; filename=second", "first"), ("attachment; filename=\"unclosed", "unclosed"),
            ("form-data; name=\"f\"; filename=\"a\"", "a"), ("; filename=a", "a"),
            ("attachment; filename=\"👩‍🎤.wav\"", "👩🎤.wav"),
        ])
    func reading(field: String, name: String) {
        #expect(ContentDisposition.filename(in: field).map { Array($0.utf8) } == Array(name.utf8))
    }

    @Test(
        "a field without a name has none",
        arguments: [
            "", "attachment", "attachment;", "attachment; filename", "attachment; filename=",
            "attachment; filename=\"\"",
            "attachment; filename*=UTF-8''", "attachment; xfilename=a", "filename=a", "attachment; filename=\"..\"",
            "attachment; filename=\".\"", "attachment; filename=\" \"", "attachment; filename=\"/\"",
            "attachment; filename=\"a/..\"",
            "attachment; filename*=UTF-8''%00", "attachment; filename*=UTF-8''%E2%80%AE", ";;;", "=", "\"",
        ])
    func noName(field: String) {
        #expect(ContentDisposition.filename(in: field) == nil)
    }

    @Test(
        "nothing in a name is a path, a control, or turns the writing around",
        arguments: [
            ("../../etc/passwd", "passwd"), ("C:\\Users\\a.wav", "a.wav"), ("/a/b/", "b"),
            ("a\r\nSet-Cookie: x", "aSet-Cookie: x"),
            ("a\0b", "ab"), ("a\u{202E}vaw.exe", "avaw.exe"), ("\u{2066}a\u{2069}", "a"), ("a\u{200B}b\u{FEFF}", "ab"),
            ("a\u{85}\u{9B}b", "ab"), ("a\u{2028}b", "ab"), (" a ", "a"), ("\u{1}..", nil), ("..\u{200B}", nil),
            ("a\tb", "ab"),
            ("a\u{E0041}b", "ab"), ("a\u{FFFD}b", "ab"),
        ] as [(String, String?)])
    func harmless(name: String, harmless: String?) {
        #expect(ContentDisposition.harmless(name).map { Array($0.utf8) } == harmless.map { Array($0.utf8) })
    }

    @Test(
        "no character joins itself to a slash and carries it through",
        arguments: ["\u{301}", "\u{200D}", "\u{FE0F}", "\u{20DD}", "\u{200D}\u{301}", "\u{E0100}"])
    func joinedSlashes(joiner: String) {
        for slash in ["/", "\\"] {
            let name = "..\(slash)\(joiner)..\(slash)\(joiner)etc\(slash)\(joiner)passwd"
            let kept = ContentDisposition.harmless(name) ?? ""
            #expect(
                !kept.utf8.contains(UInt8(ascii: "/")) && !kept.utf8.contains(UInt8(ascii: "\\")), "\(Array(kept.utf8))"
            )
        }
    }

    @Test("a name of more than 255 bytes is cut to what fits, between two code points")
    func long() {
        #expect(ContentDisposition.harmless(String(repeating: "a", count: 255))?.utf8.count == 255)
        #expect(ContentDisposition.harmless(String(repeating: "a", count: 256))?.utf8.count == 255)
        #expect(ContentDisposition.harmless(String(repeating: "é", count: 200)) == String(repeating: "é", count: 127))
        #expect(ContentDisposition.harmless(String(repeating: "👍", count: 1_000)) == String(repeating: "👍", count: 63))
        #expect(
            ContentDisposition.harmless(String(repeating: "a", count: 254) + " b") == String(repeating: "a", count: 254)
        )
        #expect(
            ContentDisposition.harmless("e" + String(repeating: "\u{301}", count: 5_000)).map { $0.utf8.count <= 255 }
                ?? true)
        #expect(ContentDisposition.harmless(String(repeating: "x/", count: 50_000) + "a") == "a")
    }

    @Test(
        "the field of a reply, with a fallback in ASCII where the name needs one",
        arguments: [
            ("transcript.txt", "attachment; filename=\"transcript.txt\""),
            ("a b-c_d.wav", "attachment; filename=\"a b-c_d.wav\""),
            ("größe.wav", "attachment; filename=\"gr__e.wav\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.wav"),
            ("a\"b\\c", "attachment; filename=\"a_b_c\"; filename*=UTF-8''a%22b%5Cc"),
            ("50%.txt", "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"),
            ("a;b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%3Bb"),
            ("\u{212A}", "attachment; filename=\"_\"; filename*=UTF-8''%E2%84%AA"),
            ("👍", "attachment; filename=\"_\"; filename*=UTF-8''%F0%9F%91%8D"),
            ("\u{37E}", "attachment; filename=\"_\"; filename*=UTF-8''%CD%BE"),
        ])
    func writing(name: String, field: String) {
        #expect(ContentDisposition.field(.attachment, filename: name) == field)
        #expect(ContentDisposition.field(.inline, filename: name).hasPrefix("inline; filename="))
    }

    @Test("what is written is read back, and no name breaks the line or the quotes")
    func roundTrip() {
        for name in [
            "a.wav", "a b", "größe.wav", "日本語.txt", "a\"b", "a'b", "50%", "a;b=c", "👩🏽.mp3", "e\u{301}", "UTF-8''x",
            "~a~", "#?&",
        ] {
            let field = ContentDisposition.field(.attachment, filename: name)
            #expect(ContentDisposition.filename(in: field).map { Array($0.utf8) } == Array(name.utf8))
            #expect(field.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
            #expect(field.count { $0 == "\"" } == 2)
        }
    }
}
