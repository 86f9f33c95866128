/// The start line and the fields of a request or a reply, as they came.
struct MessageHead {
    let bytes: [UInt8]
    let startLine: String
    let headers: HeaderList

    init(bytes: [UInt8]) {
        self.bytes = bytes
        var lines = String(decoding: bytes.dropLast(4), as: UTF8.self).split(
            separator: "\r\n", omittingEmptySubsequences: false)
        startLine = lines.isEmpty ? "" : String(lines.removeFirst())
        headers = HeaderList(
            fields: lines.compactMap { line in
                guard let colon = line.firstIndex(of: ":") else { return nil }
                let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
                return (name: String(line[..<colon]), value: String(value))
            })
    }

    /// The first word of a request line.
    var method: String { startLine.split(separator: " ").first.map(String.init) ?? "" }
    /// The second word of a status line.
    var status: Int { startLine.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0 }

    /// Where the body of a request ends (RFC 9112 §6.3).
    var requestFraming: MessageReader.Framing { declaredFraming ?? .length(0) }

    /// Where the body of the reply to a request of this method ends.
    func replyFraming(to method: String) -> MessageReader.Framing {
        if method == "HEAD" || status == 204 || status == 304 { return .length(0) }
        return declaredFraming ?? .connection
    }

    private var declaredFraming: MessageReader.Framing? {
        if headers["Transfer-Encoding"]?.lowercased().contains("chunked") == true { return .chunked }
        return headers["Content-Length"].flatMap { Int($0) }.map { .length($0) }
    }
}

/// Reads HTTP/1.1 messages off a connection, bodies piece by piece (RFC 9112).
struct MessageReader {
    enum Framing {
        case length(Int)
        case chunked
        case connection
    }

    /// The connection ended in the middle of a body, or the body is not framed as it should be.
    struct Short: Error {}

    /// What stands next on the connection.
    enum Next {
        case message(MessageHead)
        case other([UInt8])
        case end
    }

    private let socket: ProxySocket
    private var buffer: ArraySlice<UInt8> = []

    init(_ socket: ProxySocket) {
        self.socket = socket
    }

    /// The next request's head, or whatever else a client sent.
    mutating func nextRequest() throws -> Next {
        try next { bytes in
            let word = bytes.prefix { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
            if word.count == bytes.count { return word.count < 16 }
            return !word.isEmpty && bytes[word.endIndex] == UInt8(ascii: " ")
        }
    }

    /// The next reply's head, or whatever else a server sent.
    mutating func nextReply() throws -> Next {
        try next { bytes in
            let start = Array("HTTP/1.".utf8)
            return start.starts(with: bytes.prefix(start.count))
        }
    }

    private mutating func next(isMessage: (ArraySlice<UInt8>) -> Bool) throws -> Next {
        while true {
            if !buffer.isEmpty {
                guard isMessage(buffer) else { return .other(takeAll()) }
                if let end = headEnd {
                    defer { buffer = buffer[end...] }
                    return .message(MessageHead(bytes: Array(buffer[..<end])))
                }
            }
            guard try fill() else { return buffer.isEmpty ? .end : .other(takeAll()) }
        }
    }

    /// Waits until there is something to read, and says whether there is before the end.
    mutating func waitForBytes() throws -> Bool {
        try !buffer.isEmpty || fill()
    }

    /// Reads a body; gives its bytes as they come, and of each piece says whether it is content or chunk framing.
    mutating func body(_ framing: Framing, _ use: (ArraySlice<UInt8>, _ isContent: Bool) throws -> Void) throws {
        switch framing {
        case .length(let count):
            try pieces(count) { try use($0, true) }
        case .connection:
            while try waitForBytes() { try use(ArraySlice(takeAll()), true) }
        case .chunked:
            while true {
                let line = try takeLine()
                try use(line, false)
                let digits = String(decoding: line.dropLast(2), as: UTF8.self).prefix { $0.isHexDigit }
                guard let size = Int(digits, radix: 16) else { throw Short() }
                if size == 0 { break }
                try pieces(size) { try use($0, true) }
                try pieces(2) { try use($0, false) }
            }
            while true {
                let line = try takeLine()
                try use(line, false)
                if line.count == 2 { return }
            }
        }
    }

    private mutating func pieces(_ count: Int, _ use: (ArraySlice<UInt8>) throws -> Void) throws {
        var left = count
        while left > 0 {
            guard try waitForBytes() else { throw Short() }
            let piece = buffer.prefix(left)
            buffer = buffer.dropFirst(piece.count)
            left -= piece.count
            try use(piece)
        }
    }

    /// A line with its CRLF.
    private mutating func takeLine() throws -> ArraySlice<UInt8> {
        while true {
            if let feed = buffer.firstIndex(of: 10) {
                defer { buffer = buffer[(feed + 1)...] }
                return buffer[...feed]
            }
            guard try fill() else { throw Short() }
        }
    }

    private mutating func takeAll() -> [UInt8] {
        defer { buffer = [] }
        return Array(buffer)
    }

    private mutating func fill() throws -> Bool {
        let more = try socket.receive()
        buffer = buffer.isEmpty ? more[...] : ArraySlice(Array(buffer) + more)
        return !more.isEmpty
    }

    private var headEnd: Int? {
        var at = buffer.startIndex
        while let feed = buffer[at...].firstIndex(of: 10) {
            at = feed + 1
            if buffer[..<at].suffix(4).elementsEqual([13, 10, 13, 10]) { return at }
        }
        return nil
    }
}
