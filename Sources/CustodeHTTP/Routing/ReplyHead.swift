internal import CustodeCore
internal import Glibc
internal import HTTPTypes
internal import NIOCore
internal import Synchronization

/// Writes the head of a reply as it goes over the wire (RFC 9112 §4).
enum ReplyHead {
    private static let date = Mutex((second: Int64(0), field: ""))

    /// The status line and the fields, with the length, the date and what becomes of the connection.
    static func encode(_ reply: Reply, closes: Bool, _ allocator: ByteBufferAllocator) -> ByteBuffer {
        var head = allocator.buffer(capacity: 1_024)
        head.writeString("HTTP/1.1 \(reply.status.code) \(reply.status.reasonPhrase)\r\n")
        for field in reply.fields {
            head.writeString(field.name.rawName)
            head.writeStaticString(": ")
            head.writeString(field.value)
            head.writeStaticString("\r\n")
        }
        if reply.status.code != 204, reply.status.code != 304 {
            head.writeString("Content-Length: \(reply.length ?? 0)\r\n")
        }
        head.writeString(dateField())
        if closes { head.writeStaticString("Connection: close\r\n") }
        head.writeStaticString("\r\n")
        return head
    }

    // Written anew once a second.
    private static func dateField() -> String {
        let now = Int64(time(nil))
        return date.withLock { date in
            if date.second != now { date = (now, "Date: \(Timestamp(seconds: now).httpDate)\r\n") }
            return date.field
        }
    }
}
