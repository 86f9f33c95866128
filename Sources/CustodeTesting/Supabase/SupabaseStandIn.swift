import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A stand-in for Supabase Storage behind its gateway, in this process and in memory.
///
/// It answers as `supabase/storage` with the S3 backend does, oddities included: refusals come as HTTP 400 with the
/// true status inside, names that cannot be deleted are passed over in silence, tus speaks plain text.
/// Keys bind as the gateway binds them: a secret key in `apikey` alone, a token in `Authorization` and `apikey`.
public final class SupabaseStandIn: Sendable {
    let core: SupabaseCore
    /// The port of 127.0.0.1 that it listens on.
    public let port: UInt16
    private let listener: any Channel
    private let connections: SupabaseConnections

    private init(_ core: SupabaseCore, _ listener: any Channel, _ connections: SupabaseConnections) throws {
        guard let port = listener.localAddress?.port else { throw HarnessError("the stand-in has no port") }
        self.core = core
        self.listener = listener
        self.connections = connections
        self.port = UInt16(port)
    }

    deinit {
        listener.close(promise: nil)
        connections.close()
    }

    /// Starts one that listens on a free port.
    public static func start(_ configuration: Configuration = Configuration()) async throws -> SupabaseStandIn {
        let core = SupabaseCore(configuration)
        let connections = SupabaseConnections()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 262_144))
            .childChannelOption(.allowRemoteHalfClosure, value: false)
            .childChannelInitializer { channel in
                connections.add(channel)
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(SupabaseConnection(core))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return try SupabaseStandIn(core, listener, connections)
    }

    /// Stops listening and ends all connections.
    public func stop() async throws {
        try await listener.close()
        connections.close()
    }

    /// The URL of the project; the API is below it at `/storage/v1`.
    public var url: String { "http://127.0.0.1:\(port)" }

    /// A token of the service role that counts for years.
    public var serviceKey: String { core.gateway.serviceKey }

    /// A token of the service role that counts for this long from now.
    public func serviceKey(validFor life: Duration) -> String {
        core.gateway.token.sign(SupabaseGateway.claims("service_role"), issued: core.now, validFor: life)
    }

    /// A key of the new kind, `sb_secret_…`, which counts in `apikey` alone and without `Authorization`.
    public var secretKey: String { core.gateway.secretKey }

    /// A token of the role that row-level security lets do nothing.
    public var anonKey: String { core.gateway.anonKey }

    /// A token of the service role that was over an hour ago.
    public var expiredKey: String { core.gateway.expiredKey }

    /// The configuration, which may be changed while it runs.
    public var configuration: Configuration {
        get { core.configuration }
        set { core.withState { $0.configuration = newValue } }
    }
}

/// The connections that are open.
final class SupabaseConnections: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        channels.withLock { $0[id] = channel }
        channel.closeFuture.whenComplete { [weak self] _ in
            _ = self?.channels.withLock { $0.removeValue(forKey: id) }
        }
    }

    func close() {
        for channel in channels.withLock({ Array($0.values) }) { channel.close(promise: nil) }
    }
}
