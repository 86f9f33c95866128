internal import CustodeCore
internal import HTTPTypes
internal import NIOCore
internal import NIOPosix

extension Exchange {
    /// Sends a reply to its end.
    ///
    /// - Returns: How many bytes of content went out.
    /// - Throws: If the client stopped taking it.
    func send(_ reply: Reply, withoutContent: Bool) async throws -> Int64 {
        switch withoutContent ? .nothing : reply.content {
        case .nothing:
            try await send(reply, isLast: true) { head in [.byteBuffer(head)] }
            return 0
        case .bytes(let bytes):
            try await send(reply, isLast: true) { head in
                head.writeBytes(bytes)
                return [.byteBuffer(head)]
            }
            return Int64(bytes.count)
        case .blob(let blob, let range):
            if let file = blob.file {
                try await sendFile(reply, file, range)
            } else {
                try await sendPieces(reply, blob.read(range))
            }
            // The descriptor is lent: the object must outlive the sending.
            withExtendedLifetime(blob) {}
            return range.count
        }
    }

    /// Hands the file to the kernel: the bytes never enter this process.
    ///
    /// The socket is corked meanwhile (tcp(7)): head and file share their packets, instead of the head waking the
    /// reader alone.
    private func sendFile(_ reply: Reply, _ file: NIOFileHandle, _ range: ByteRange) async throws {
        let region = FileRegion(fileHandle: file, readerIndex: Int(range.first), endIndex: Int(range.last) + 1)
        let channel = channel
        try await onLoop { gate in
            try channel.syncOptions?.setOption(Self.cork, value: 1)
            let head = ReplyHead.encode(reply, closes: reply.closes || gate.closesAfterReply, channel.allocator)
            let sent = gate.send(
                [.byteBuffer(head), .fileRegion(region)], closes: reply.closes, isLast: true, on: channel.eventLoop)
            sent.whenSuccess { try? channel.syncOptions?.setOption(Self.cork, value: 0) }
            return sent
        }
    }

    // TCP_CORK, which NIO has no name for.
    private static let cork = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: 3))

    private func sendPieces(_ reply: Reply, _ pieces: AsyncThrowingStream<ByteBuffer, any Error>) async throws {
        try await send(reply, isLast: false) { head in [.byteBuffer(head)] }
        let eventLoop = channel.eventLoop
        for try await piece in pieces {
            try await onLoop { gate in gate.send([.byteBuffer(piece)], closes: false, isLast: false, on: eventLoop) }
        }
        try await onLoop { gate in gate.send([.byteBuffer(ByteBuffer())], closes: false, isLast: true, on: eventLoop) }
    }

    private func send(
        _ reply: Reply, isLast: Bool, _ pieces: @escaping @Sendable (inout ByteBuffer) -> [IOData]
    ) async throws {
        let channel = channel
        try await onLoop { gate in
            var head = ReplyHead.encode(reply, closes: reply.closes || gate.closesAfterReply, channel.allocator)
            return gate.send(pieces(&head), closes: reply.closes, isLast: isLast, on: channel.eventLoop)
        }
    }

    private func onLoop(_ body: @escaping @Sendable (RequestGate) throws -> EventLoopFuture<Void>) async throws {
        let channel = channel
        let onLoop: @Sendable () -> EventLoopFuture<Void> = {
            do {
                return try body(channel.pipeline.syncOperations.handler(type: RequestGate.self))
            } catch {
                return channel.eventLoop.makeFailedFuture(error)
            }
        }
        if channel.eventLoop.inEventLoop {
            try await onLoop().get()
        } else {
            try await channel.eventLoop.flatSubmit(onLoop).get()
        }
    }
}
