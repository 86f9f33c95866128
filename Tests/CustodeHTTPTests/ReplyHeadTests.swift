import CustodeCore
import HTTPTypes
import NIOCore
import Testing

@testable import CustodeHTTP

@Suite("the head of a reply on the wire (RFC 9112 §4)")
struct ReplyHeadTests {
    private func lines(_ reply: Reply, closes: Bool = false) -> [String] {
        let head = ReplyHead.encode(reply, closes: closes, ByteBufferAllocator())
        let text = String(buffer: head)
        #expect(text.hasSuffix("\r\n\r\n"))
        return text.split(separator: "\r\n", omittingEmptySubsequences: false).dropLast(2).map(String.init)
    }

    @Test("status, fields, length, date")
    func shape() throws {
        var reply = Reply(.ok)
        reply.fields[.contentType] = "text/plain"
        reply.length = 5
        let lines = lines(reply)
        #expect(lines.prefix(3) == ["HTTP/1.1 200 OK", "Content-Type: text/plain", "Content-Length: 5"])
        let date = try #require(lines.first { $0.hasPrefix("Date: ") }).dropFirst(6)
        #expect(Timestamp(httpDate: String(date)) != nil)
        #expect(lines.count == 4)
    }

    @Test("a reply that ends the connection says so")
    func closing() {
        #expect(lines(Reply(.ok), closes: true).contains("Connection: close"))
        #expect(!lines(Reply(.ok)).contains("Connection: close"))
    }

    @Test("204 and 304 carry no length, everything else does")
    func lengths() {
        for status in [HTTPResponse.Status.noContent, .notModified] {
            #expect(!lines(Reply(status)).contains { $0.hasPrefix("Content-Length") })
        }
        #expect(lines(Reply(.preconditionFailed)).contains("Content-Length: 0"))
    }

    @Test("no value of a field begins another field or another reply")
    func injection() {
        for value in ["a\r\nSet-Cookie: x", "a\nb: c", "a\rb", "a\r\n\r\nHTTP/1.1 200 OK", "a\0b", "\r\n\u{301}x: y"] {
            var reply = Reply(.ok)
            reply.fields[.contentDisposition] = value
            let lines = lines(reply)
            #expect(lines.count == 4, "\(lines)")
            #expect(lines.allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 } })
        }
    }

    @Test("several values of one field are several lines")
    func repeated() {
        var reply = Reply(.ok)
        reply.fields[values: .vary] = ["Origin", "Accept"]
        #expect(lines(reply).filter { $0.hasPrefix("Vary: ") } == ["Vary: Origin", "Vary: Accept"])
    }
}
