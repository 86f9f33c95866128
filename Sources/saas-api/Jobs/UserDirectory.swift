import CustodeCore
import PostgresClient
import Synchronization

/// The users that the tables know: whoever comes with a token for the first time is added to them.
///
/// An id may be spelled in several ways, as a UUID in capitals; from here on it is spelled as the database spells it.
final class UserDirectory: Sendable {
    /// A user that the tables cannot hold.
    struct Unknown: Error {}

    private static let mostKept = 10_000
    // The address is not in the token: whoever keeps the users fills it in.
    private static let add = PostgresStatement(
        name: "saas_user_add", "insert into users (id, email) values ($1, $2) on conflict (id) do nothing")
    private static let find = PostgresStatement(name: "saas_user_find", "select id from users where id = $1")

    private let pool: PostgresPool
    private let known = Mutex<[UserID: UserID]>([:])

    init(pool: PostgresPool) { self.pool = pool }

    /// The user that a token names, as the tables name it.
    ///
    /// - Throws: ``Unknown``, `PostgresError`.
    func user(_ claimed: UserID) async throws -> UserID {
        if let user = known.withLock({ $0[claimed] }) { return user }
        let user = try await look(claimed)
        known.withLock { known in
            if known.count >= Self.mostKept { known = [:] }
            known[claimed] = user
        }
        return user
    }

    private func look(_ claimed: UserID) async throws -> UserID {
        do {
            var rows = try await pool.query(Self.find, [.text(claimed.text)])
            if rows.isEmpty {
                _ = try await pool.query(Self.add, [.text(claimed.text), .text(claimed.text)])
                rows = try await pool.query(Self.find, [.text(claimed.text)])
            }
            guard let row = rows.first, let user = UserID(try row.text(0)) else { throw Unknown() }
            return user
        } catch let error as PostgresError where error.isOfForm || error.sqlState == "23505" {
            throw Unknown()
        }
    }
}

extension PostgresError {
    /// Whether a value is none of the type that it is compared with: an id of another form, which names nothing.
    var isOfForm: Bool { ["22P02", "22003", "22021"].contains(sqlState) }
}
