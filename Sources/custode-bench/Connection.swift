import Glibc

/// One keep-alive HTTP/1.1 connection with blocking calls, for one thread.
final class Connection {
    /// The status line and the headers the tools need.
    struct Head {
        let status: Int
        let contentLength: Int
        var location: String?
    }

    private let descriptor: Int32
    private var surplus: [UInt8] = []

    init(to endpoint: Endpoint) throws(BenchError) {
        descriptor = try endpoint.connect()
    }

    deinit {
        close(descriptor)
    }

    /// Sends all of the bytes, or throws.
    func send(_ bytes: UnsafeRawBufferPointer) throws(BenchError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let slice = UnsafeRawBufferPointer(rebasing: rest)
            let sent = Glibc.send(descriptor, slice.baseAddress, slice.count, Int32(MSG_NOSIGNAL))
            guard sent > 0 else { throw .system("send") }
            rest = rest.dropFirst(sent)
        }
    }

    func send(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try send($0) }
    }

    /// Reads up to the end of a reply's head; body bytes that came with it are kept for `discard` and `read`.
    func readHead() throws(BenchError) -> Head {
        var bytes = surplus
        surplus = []
        var searched = 0
        while true {
            if let end = Self.endOfHead(bytes, from: searched) {
                surplus = Array(bytes[end...])
                return try Self.parse(bytes[..<end])
            }
            searched = max(0, bytes.count - 3)
            let chunk = try receive(upTo: 16 << 10)
            bytes.append(contentsOf: chunk)
        }
    }

    /// Reads a small body whole.
    func read(_ count: Int) throws(BenchError) -> [UInt8] {
        var bytes = surplus
        while bytes.count < count {
            let chunk = try receive(upTo: count - bytes.count)
            bytes.append(contentsOf: chunk)
        }
        surplus = Array(bytes[count...])
        return Array(bytes[..<count])
    }

    /// Takes a body off the socket without looking at it.
    ///
    /// - Parameter copying: false drops the bytes inside the kernel (`MSG_TRUNC`, tcp(7)), so that the reader
    ///   costs next to nothing; true copies them out as an ordinary client does.
    func discard(_ count: Int, copying: Bool) throws(BenchError) {
        var left = count - surplus.count
        surplus = []
        let capacity = copying ? 256 << 10 : 4 << 20
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 4096)
        defer { buffer.deallocate() }
        let flags = copying ? 0 : Int32(MSG_TRUNC)
        while left > 0 {
            let taken = recv(descriptor, buffer.baseAddress, min(capacity, left), flags)
            guard taken > 0 else {
                throw taken == 0 ? BenchError("the body ended \(left) bytes early") : .system("recv")
            }
            left -= taken
        }
    }

    private func receive(upTo capacity: Int) throws(BenchError) -> [UInt8] {
        var taken = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            taken = recv(descriptor, buffer.baseAddress, capacity, 0)
            count = max(0, taken)
        }
        guard taken > 0 else { throw taken == 0 ? BenchError("connection closed") : .system("recv") }
        return bytes
    }

    private static func endOfHead(_ bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count >= start + 4 else { return nil }
        return (start...(bytes.count - 4)).first { bytes[$0..<$0 + 4].elementsEqual([13, 10, 13, 10]) }
            .map { $0 + 4 }
    }

    private static func parse(_ bytes: ArraySlice<UInt8>) throws(BenchError) -> Head {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, let status = Int(words[1]) else { throw BenchError("not an HTTP reply") }
        let field = { (name: String) -> Substring? in
            lines.dropFirst().first { $0.lowercased().hasPrefix(name + ":") }
                .map { $0.drop { $0 != ":" }.dropFirst().drop { $0 == " " } }
        }
        let isEmpty = status == 204 || status == 304
        guard let length = field("content-length").flatMap({ Int($0) }) ?? (isEmpty ? 0 : nil) else {
            throw BenchError("status \(status) without Content-Length")
        }
        return Head(status: status, contentLength: length, location: field("location").map(String.init))
    }
}
