public import NIOCore

/// The reply to a request; its body is still on the way.
public struct FetchResponse: Sendable {
    /// Status and header fields.
    public let head: FetchHead
    /// What follows them.
    public let body: FetchBody

    /// The status code.
    public var status: Int { head.status }
}

/// Status and header fields of a reply.
public struct FetchHead: Sendable, Equatable {
    /// The status code.
    public var status: Int
    private var fields: [(name: String, value: String)]

    /// A head; names are compared without regard to case.
    public init(status: Int, fields: [(name: String, value: String)] = []) {
        self.status = status
        self.fields = fields.map { ($0.name.lowercased(), $0.value) }
    }

    /// The value of a header field, the first one where there are several.
    ///
    /// - Parameter name: In lower case.
    public subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    /// All fields, their names in lower case.
    public var all: [(name: String, value: String)] { fields }

    mutating func append(line: Substring) {
        guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { return }
        var value = line[line.utf8.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        while value.last == " " || value.last == "\t" { value.removeLast() }
        fields.append((line[..<colon].lowercased(), String(value)))
    }

    /// Whether two heads say the same.
    public static func == (one: FetchHead, other: FetchHead) -> Bool {
        one.status == other.status && one.fields.elementsEqual(other.fields) { $0 == $1 }
    }
}

/// The body of a reply, read piece by piece, no faster than it is consumed.
///
/// One reader at a time. Letting go of it before its end ends the transfer.
public final class FetchBody: Sendable {
    private let transfer: Transfer

    init(_ transfer: Transfer) { self.transfer = transfer }

    deinit { transfer.abandon() }

    /// The next bytes; `nil` after the last.
    public func next() async throws(FetchError) -> ByteBuffer? { try await transfer.next() }

    /// All bytes, which must not be many.
    ///
    /// - Throws: ``FetchError`` with ``FetchError/Code/tooLarge`` once there are more than the limit.
    public func collect(upTo limit: Int) async throws(FetchError) -> ByteBuffer {
        var whole = ByteBuffer()
        while let piece = try await next() {
            guard whole.readableBytes + piece.readableBytes <= limit else {
                throw FetchError(.tooLarge, "a reply has more than \(limit) bytes")
            }
            if whole.readableBytes == 0 { whole = piece } else { whole.writeImmutableBuffer(piece) }
        }
        return whole
    }

    /// Waits for the end, dropping what comes, so that the connection can serve again.
    public func drain(upTo limit: Int = 64 * 1_024) async throws(FetchError) { _ = try await collect(upTo: limit) }
}
