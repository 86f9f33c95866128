internal import CustodeCore
internal import HTTPTypes
internal import HummingbirdCore

extension CustodeService {
    /// Recognises who calls, and the user acted for.
    func principal(_ exchange: Exchange) async throws -> Principal {
        let fields = exchange.request.headers
        guard let token = try Self.bearer(fields) else {
            throw Refusal.unauthorized("Send Authorization: Bearer with a service key.")
        }
        let credential = try await recognise(token, exchange)
        let principal = try principal(credential, exchange)
        exchange.note("user", principal.user.text)
        try limits.countRequest(of: principal)
        return principal
    }

    private func principal(_ credential: Credential, _ exchange: Exchange) throws(Refusal) -> Principal {
        let users = exchange.request.headers[values: .custodeUser]
        switch credential {
        case .user(let user):
            guard users.isEmpty else {
                throw .badRequest("Custode-User goes with a service key; a user's token names its user itself.")
            }
            return Principal(user: user, grants: [.delegate], serviceKey: nil)
        case .service(let id, let grants):
            exchange.note("caller", id)
            guard let text = users.first else {
                throw .forbidden("Name the user that the key acts for in Custode-User.")
            }
            guard users.count == 1, let user = UserID(text) else {
                throw .badRequest("Custode-User must be one id without control characters.")
            }
            return Principal(user: user, grants: grants, serviceKey: id)
        }
    }

    private func recognise(_ token: String, _ exchange: Exchange) async throws -> Credential {
        do throws(CredentialFault) {
            guard let credential = try await authenticator.recognise(token) else { throw Self.unknownCredential }
            return credential
        } catch {
            if case .rejected(let reason, _) = error { exchange.note("credential", reason) }
            throw error
        }
    }

    /// What is said of a credential of which nothing more is to be said.
    static let unknownCredential = CredentialFault.rejected(
        reason: "unknown", advice: "The credential is not known, or no longer good.")

    static func bearer(_ fields: HTTPFields) throws(Refusal) -> String? {
        let values = fields[values: .authorization]
        guard let value = values.first else { return nil }
        guard values.count == 1 else { throw .badRequest("Authorization is given more than once.") }
        let parts = value.utf8.split(separator: UInt8(ascii: " "))
        guard parts.count == 2, Substring(parts[0]).lowercased() == "bearer" else {
            throw .unauthorized("Authorization must be Bearer and one token.")
        }
        return String(Substring(parts[1]))
    }

    /// Reads a job's id and an object's name out of a path; both unknowable and unknown are not found.
    func ids(_ exchange: Exchange, _ job: String, _ name: String) throws(Refusal) -> (JobID, ObjectName) {
        let job = try id(exchange, job)
        guard let object = ObjectName(name), policy.rule(for: object) != nil else { throw .notFound }
        exchange.note("object", object.text)
        return (job, object)
    }

    /// Reads a job's id out of a path.
    func id(_ exchange: Exchange, _ job: String) throws(Refusal) -> JobID {
        guard let text = PercentEncoding.decode(job), let job = JobID(text) else { throw .notFound }
        exchange.note("job", job.text)
        return job
    }
}
