internal import CustodeCore
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes

extension Exchange {
    /// Sends a reply to its end.
    ///
    /// - Returns: How many bytes of content went out.
    /// - Throws: If the client stopped taking it.
    func send(_ reply: Reply, withoutContent: Bool) async throws -> Int64 {
        let head = Self.head(of: reply)
        if withoutContent {
            try await sendHead(head)
            return 0
        }
        switch reply.content {
        case .nothing:
            try await sendHead(head)
            return 0
        case .bytes(let bytes):
            try await onLoop { channel in
                channel.write(HTTPResponsePart.head(head), promise: nil)
                channel.write(HTTPResponsePart.body(ByteBuffer(bytes: bytes)), promise: nil)
                return channel.writeAndFlush(HTTPResponsePart.end(nil))
            }
            return Int64(bytes.count)
        case .blob(let blob, let range):
            if let file = blob.file {
                try await sendFile(
                    head,
                    FileRegion(
                        fileHandle: file, readerIndex: Int(range.first), endIndex: Int(range.last) + 1))
            } else {
                try await sendPieces(head, blob.read(range))
            }
            // The descriptor is lent: the object must outlive the sending.
            withExtendedLifetime(blob) {}
            return range.count
        }
    }

    private static func head(of reply: Reply) -> HTTPResponse {
        var head = HTTPResponse(status: reply.status, headerFields: reply.fields)
        if let length = reply.length {
            head.headerFields[.contentLength] = String(length)
        } else if reply.status.code != 204, reply.status.code != 304 {
            head.headerFields[.contentLength] = "0"
        }
        return head
    }

    private func sendHead(_ head: HTTPResponse) async throws {
        try await onLoop { channel in
            channel.write(HTTPResponsePart.head(head), promise: nil)
            return channel.writeAndFlush(HTTPResponsePart.end(nil))
        }
    }

    /// Hands the file to the kernel: the bytes never enter this process.
    ///
    /// HTTP parts carry no files, so the region enters the pipeline behind the encoder of responses, which
    /// adds nothing to a body of known length. The socket is corked meanwhile (tcp(7)): head and file share
    /// their packets, instead of the head waking the reader alone.
    private func sendFile(_ head: HTTPResponse, _ region: FileRegion) async throws {
        try await onLoop { channel in
            let encoder = try channel.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
            try channel.syncOptions?.setOption(Self.cork, value: 1)
            channel.write(HTTPResponsePart.head(head), promise: nil)
            encoder.write(NIOAny(IOData.fileRegion(region)), promise: nil)
            let sent = channel.writeAndFlush(HTTPResponsePart.end(nil))
            sent.whenSuccess { try? channel.syncOptions?.setOption(Self.cork, value: 0) }
            return sent
        }
    }

    // TCP_CORK, which NIO has no name for.
    private static let cork = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: 3))

    private func sendPieces(_ head: HTTPResponse, _ pieces: AsyncThrowingStream<ByteBuffer, any Error>) async throws {
        try await onLoop { channel in channel.writeAndFlush(HTTPResponsePart.head(head)) }
        for try await piece in pieces {
            try await onLoop { channel in channel.writeAndFlush(HTTPResponsePart.body(piece)) }
        }
        try await onLoop { channel in channel.writeAndFlush(HTTPResponsePart.end(nil)) }
    }

    private func onLoop(
        _ write: @escaping @Sendable (any Channel) throws -> EventLoopFuture<Void>
    ) async throws {
        let channel = channel
        if channel.eventLoop.inEventLoop {
            try await write(channel).get()
        } else {
            try await channel.eventLoop.flatSubmit {
                do { return try write(channel) } catch { return channel.eventLoop.makeFailedFuture(error) }
            }.get()
        }
    }
}
