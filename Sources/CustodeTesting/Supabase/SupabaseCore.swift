import Foundation
import NIOCore
import Synchronization

/// What is to become of a request whose head is there.
enum SupabasePlan: Sendable {
    /// This is the reply, and the body does not matter.
    case reply(SupabaseReply)
    /// The whole body is wanted first.
    case collect(@Sendable (ByteBuffer) -> SupabaseReply)
    /// The bytes go into a tus upload as they come.
    case stream(SupabaseTransfer)
    /// Another request holds the upload: ask again.
    case wait
    /// So many bytes of the body are read, then this is the reply.
    case cut(after: Int, SupabaseReply)
}

/// The server without its sockets: decides what each request gets.
final class SupabaseCore: Sendable {
    let gateway = SupabaseGateway()
    private let state: Mutex<SupabaseState>

    init(_ configuration: SupabaseStandIn.Configuration) {
        state = Mutex(SupabaseState(configuration))
    }

    /// Looks at what the server knows, or changes it, as nobody else does at the time.
    func withState<Result: Sendable, Failure: Error>(
        _ body: (inout sending SupabaseState) throws(Failure) -> sending Result
    ) throws(Failure) -> Result {
        try state.withLock(body)
    }

    var now: Date { withState { $0.now } }
    var configuration: SupabaseStandIn.Configuration { withState { $0.configuration } }

    /// Takes note of a request and says what is to become of it, the gateway's say included.
    func begin(_ request: SupabaseRequest, holder: SupabaseHolder) -> SupabasePlan {
        let (outage, trouble, keysAreOver) = withState { state in
            state.requests.append(.init(line: request.line, headers: request.headers))
            return (state.outage, state.trouble(for: request), state.keysAreOver)
        }
        if let outage { return .reply(outage) }
        if let trouble { return plan(trouble, request) }
        guard request.path != nil else {
            return .reply(.json(["message": "no Route matched with those values"], status: 404))
        }
        if let refusal = gateway.refusal(of: request, keysAreOver: keysAreOver) { return .reply(refusal) }
        return plan(request, holder: holder, waited: .zero)
    }

    /// Says what is to become of a request that has passed the gateway, or has waited so long for a lock.
    func plan(_ request: SupabaseRequest, holder: SupabaseHolder, waited: Duration) -> SupabasePlan {
        do {
            if request.isTus { return try tus(request, holder: holder, waited: waited) }
            return try route(request)
        } catch {
            return .reply(refusal(error))
        }
    }

    private func plan(_ trouble: SupabaseStandIn.Trouble, _ request: SupabaseRequest) -> SupabasePlan {
        func refuse(_ error: SupabaseError) -> SupabasePlan {
            .reply(request.isTus ? error.plainReply : refusal(error))
        }
        switch trouble {
        case .edge(let canned):
            let reply = SupabaseReply(
                canned.status, headers: canned.headers, body: ByteBuffer(string: canned.body))
            return .reply(canned.isEarly ? reply.ending : reply)
        case .lockTimeout: return refuse(.lockTimeout)
        case .resourceLocked: return refuse(.resourceLocked)
        case .readOnly: return refuse(.readOnly)
        case .slowDown: return refuse(.slowDown)
        case .databaseTimeout: return refuse(.databaseTimeout)
        case .abort(let count): return .cut(after: count, refusal(.aborted).ending)
        }
    }

    func refusal(_ error: SupabaseError) -> SupabaseReply {
        error.reply(omitsCode: configuration.omitsCode)
    }

    /// A reply that may be a refusal.
    func reply(_ make: () throws(SupabaseError) -> SupabaseReply) -> SupabaseReply {
        do {
            return try make()
        } catch {
            return refusal(error)
        }
    }

    /// The role of a request on a route that demands one.
    func role(of request: SupabaseRequest) throws(SupabaseError) -> SupabaseRole {
        let identity = withState { state in
            gateway.identity(of: request, keysAreOver: state.keysAreOver, now: state.now)
        }
        switch identity {
        case .role(let role): return role
        case .invalid(let why): throw .denied(why)
        case .missing where request.isTus: throw .denied(SupabaseToken.Fault.garbled.rawValue)
        case .missing: throw .schema("headers must have required property 'authorization'")
        }
    }

    /// The role of a request on a route that serves public buckets to anybody: nil without a good token.
    func optionalRole(of request: SupabaseRequest) -> SupabaseRole? {
        try? role(of: request)
    }

    /// A plan that reads the body as JSON.
    func json(
        _ request: SupabaseRequest, _ answer: @escaping @Sendable (JSON) throws(SupabaseError) -> SupabaseReply
    ) -> SupabasePlan {
        .collect { [self] body in
            reply { () throws(SupabaseError) in
                let isJSON = request.headers["Content-Type"]?.hasPrefix("application/json") == true
                if body.readableBytes == 0 {
                    throw isJSON ? .emptyJSON : .schema("body must be object")
                }
                guard isJSON else {
                    throw SupabaseError(
                        415, "InvalidRequest", "Unsupported Media Type", error: "FastifyError", wireStatus: 415)
                }
                guard let value = try? JSON([UInt8](buffer: body)) else {
                    throw .schema("Body is not valid JSON but content-type is set to 'application/json'")
                }
                return try answer(value)
            }
        }
    }
}

extension JSON {
    /// The number, if this is one.
    var number: Double? { if case .number(let value) = self { value } else { nil } }

    /// The truth value, if this is one.
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// A text that the request must have.
    func text(_ name: String) throws(SupabaseError) -> String {
        guard let text = self[name].string else { throw .schema("body must have required property '\(name)'") }
        return text
    }
}
