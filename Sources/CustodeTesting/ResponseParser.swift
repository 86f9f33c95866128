/// Reads HTTP/1.1 replies out of bytes as they arrive (RFC 9112).
struct ResponseParser {
    /// What came and has not been read as part of a reply.
    private(set) var pending: [UInt8] = []
    private var head: RawResponse?
    private var interim: [Int] = []
    private var framing = Framing.none

    private enum Framing {
        case none
        case length(Int)
        case chunked
        case connection
    }

    mutating func feed(_ bytes: some Sequence<UInt8>) {
        pending.append(contentsOf: bytes)
    }

    /// The next complete reply to a request of this method, or nil if more must come first.
    mutating func next(method: String, atEnd: Bool) throws -> RawResponse? {
        while head == nil {
            guard let parsed = try takeHead() else { return nil }
            if (100..<200).contains(parsed.status) && parsed.status != 101 {
                interim.append(parsed.status)
            } else {
                framing = try Self.framing(of: parsed, method: method)
                head = parsed
            }
        }
        guard var reply = head, let body = try takeBody(atEnd: atEnd) else { return nil }
        reply.body = body
        reply.interim = interim
        if case .connection = framing { reply.endsWithConnection = true }
        head = nil
        interim = []
        return reply
    }

    /// The status of the interim reply that came last, if the final one is still to come.
    mutating func takeInterim() throws -> Int? {
        guard head == nil, let parsed = try peekHead(), (100..<200).contains(parsed.status) else {
            return nil
        }
        _ = try takeHead()
        return parsed.status
    }

    private mutating func takeHead() throws -> RawResponse? {
        guard let end = headEnd else { return nil }
        defer { pending.removeFirst(end) }
        return try Self.parse(Array(pending[..<(end - 4)]))
    }

    private func peekHead() throws -> RawResponse? {
        guard let end = headEnd else { return nil }
        return try Self.parse(Array(pending[..<(end - 4)]))
    }

    private var headEnd: Int? {
        guard pending.count >= 4 else { return nil }
        for index in 0...(pending.count - 4)
        where pending[index] == 13 && pending[index + 1] == 10 && pending[index + 2] == 13
            && pending[index + 3] == 10
        {
            return index + 4
        }
        return nil
    }

    private static func parse(_ bytes: [UInt8]) throws -> RawResponse {
        let lines = String(decoding: bytes, as: UTF8.self).split(
            separator: "\r\n", omittingEmptySubsequences: false)
        let start = lines[0].split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard start.count >= 2, start[0].hasPrefix("HTTP/1."), start[1].count == 3, let status = Int(start[1])
        else {
            throw HarnessError("not a status line: \(lines[0])")
        }
        let fields = try lines.dropFirst().map { line in
            guard let colon = line.firstIndex(of: ":") else { throw HarnessError("not a header: \(line)") }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            return (name: String(line[..<colon]), value: String(value))
        }
        return RawResponse(
            status: status, reason: start.count > 2 ? String(start[2]) : "",
            headers: HeaderList(fields: fields))
    }

    private static func framing(of reply: RawResponse, method: String) throws -> Framing {
        if method == "HEAD" || reply.status == 204 || reply.status == 304 { return .none }
        if reply.header("Transfer-Encoding")?.lowercased() == "chunked" { return .chunked }
        let lengths = reply.headers.all("Content-Length")
        guard let first = lengths.first else { return .connection }
        guard lengths.count == 1, let length = Int(first) else { throw HarnessError("lengths: \(lengths)") }
        return .length(length)
    }

    private mutating func takeBody(atEnd: Bool) throws -> [UInt8]? {
        switch framing {
        case .none:
            return []
        case .length(let length):
            guard pending.count >= length else {
                if atEnd { throw HarnessError("body cut short: \(pending.count) of \(length) bytes") }
                return nil
            }
            defer { pending.removeFirst(length) }
            return Array(pending.prefix(length))
        case .connection:
            guard atEnd else { return nil }
            defer { pending = [] }
            return pending
        case .chunked:
            guard let (body, end) = try Self.unchunk(pending) else {
                if atEnd { throw HarnessError("chunked body cut short") }
                return nil
            }
            pending.removeFirst(end)
            return body
        }
    }

    private static func unchunk(_ bytes: [UInt8]) throws -> (body: [UInt8], end: Int)? {
        var body: [UInt8] = []
        var at = 0
        while true {
            guard let line = lineEnd(bytes, from: at) else { return nil }
            let digits = String(decoding: bytes[at..<line], as: UTF8.self).split(separator: ";").first ?? ""
            guard let size = Int(digits, radix: 16) else { throw HarnessError("chunk size \(digits)") }
            at = line + 2
            if size == 0 { break }
            guard bytes.count >= at + size + 2 else { return nil }
            body += bytes[at..<(at + size)]
            at += size + 2
        }
        while let line = lineEnd(bytes, from: at) {
            defer { at = line + 2 }
            if line == at { return (body, line + 2) }
        }
        return nil
    }

    private static func lineEnd(_ bytes: [UInt8], from start: Int) -> Int? {
        var at = start
        while at + 1 < bytes.count {
            if bytes[at] == 13 && bytes[at + 1] == 10 { return at }
            at += 1
        }
        return nil
    }
}
