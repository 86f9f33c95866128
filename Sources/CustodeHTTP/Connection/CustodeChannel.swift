internal import CustodeCore
public import HummingbirdCore
public import Logging
public import NIOCore
internal import NIOHTTP1
public import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1

/// One client's HTTP/1.1 connection.
///
/// Requests are handled on the connection's own event loop: no thread is changed between the socket and
/// the use case.
public struct CustodeChannel: HTTPChannelHandler {
    /// The connection as a sequence of request parts and a writer of reply parts.
    public typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    /// What answers requests.
    public let responder: HTTPChannelHandler.Responder
    private let limits: ConnectionLimits
    private let census: ConnectionCensus?

    /// A connection whose requests go to a responder.
    ///
    /// - Parameter census: The listener's, which it counts its connections by.
    public init(
        limits: ConnectionLimits, census: ConnectionCensus? = nil,
        responder: @escaping HTTPChannelHandler.Responder
    ) {
        self.limits = limits
        self.census = census
        self.responder = responder
    }

    /// Builds the pipeline: deadlines, parser, gate, parts.
    public func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            // Large pieces where bytes come fast; what bounds an upload's memory, with the marks below and the store's.
            try channel.syncOptions?.setOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1_024, initial: 4_096, maximum: 131_072)
            )
            // Each connection keeps as many of them for its next reads.
            try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 2)
            let activity = ConnectionActivity()
            let pipeline = channel.pipeline.syncOperations
            try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
            try pipeline.addHandler(ConnectionWatch(limits: limits, activity: activity, census: census))
            var decoderLimits = NIOHTTPDecoderLimitConfiguration()
            decoderLimits.maxHeaderFieldSize = 32 * 1_024
            decoderLimits.maxHeaderListSize = 64 * 1_024
            decoderLimits.maxHeaderFieldCount = 200
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoderLimits)
            try pipeline.addHandler(RequestGate(activity: activity))
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel,
                configuration: .init(
                    backPressureStrategy: .init(lowWatermark: 1, highWatermark: 3),
                    isOutboundHalfClosureEnabled: true))
        }
    }

    /// Handles the requests of one connection on its event loop.
    public func handle(value asyncChannel: Value, logger: Logger) async {
        let executor = EventLoopExecutor.of(asyncChannel.channel.eventLoop)
        await withTaskExecutorPreference(executor) {
            await handleHTTP(asyncChannel: asyncChannel, logger: logger)
        }
    }
}
