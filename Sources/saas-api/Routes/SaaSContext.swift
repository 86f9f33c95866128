import CustodeCore
import Hummingbird
import Logging
import Synchronization

/// What belongs to one request.
struct SaaSContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The request's id, which the log and the client are told.
    let id: String
    private let caller = Caller()

    init(source: Source) {
        coreContext = .init(source: source)
        id = Hex.encode((0..<8).map { _ in UInt8.random(in: .min ... .max) })
    }

    /// Says who is calling, to all that look at this request.
    func identify(_ user: UserID) { caller.user.withLock { $0 = user } }

    /// Who is calling, once that is known.
    var identified: UserID? { caller.user.withLock { $0 } }

    /// Who is calling.
    ///
    /// - Throws: ``Problem`` if a route that needs one was left open to everybody.
    func user() throws(Problem) -> UserID {
        guard let user = identified else { throw .unauthorized("Sign in first.") }
        return user
    }

    /// Shared by the copies of a context: what is found out within is logged without.
    private final class Caller: Sendable {
        let user = Mutex<UserID?>(nil)
    }
}
