import CustodeCore
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging

/// The one place that catches: what is no ``Problem`` is answered 500 without a word of why, and logged.
struct Edge: RouterMiddleware {
    typealias Context = SaaSContext

    /// What every reply says to browsers.
    let contentSecurityPolicy: String

    func handle(
        _ request: Request, context: SaaSContext, next: (Request, SaaSContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch is CancellationError {
            // The process stops, and who still sends something is not waited for.
            response = Problem.away("The service").response(context.id)
        } catch {
            response = answer(error, context)
        }
        let log = response.status.code >= 500 ? Logger.Level.error : .info
        context.logger.log(
            level: log, "request",
            metadata: [
                "method": "\(request.method)", "route": "\(context.endpointPath ?? "none")",
                "status": "\(response.status.code)", "request": "\(context.id)",
                "user": "\(context.identified?.text ?? "")",
            ])
        response.headers[.requestID] = context.id
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.contentSecurityPolicy] = contentSecurityPolicy
        response.headers[.referrerPolicy] = "no-referrer"
        response.headers[.openerPolicy] = "same-origin"
        response.headers[.resourcePolicy] = "same-origin"
        response.headers[.permissionsPolicy] = "camera=(), microphone=(), geolocation=()"
        return response
    }

    private func answer(_ error: any Error, _ context: SaaSContext) -> Response {
        if let problem = Problem(error) {
            if problem.status.code >= 500 { context.logger.warning("\(problem.slug): \(error)") }
            return problem.response(context.id)
        }
        context.logger.error("fault: \(error)", metadata: ["request": "\(context.id)"])
        return Problem(
            status: .internalServerError, slug: "fault",
            detail: "Something went wrong here; tell us the request's id if it stays so."
        ).response(context.id)
    }
}

/// Lets in whoever has a token of the issuer's.
struct SignedIn: RouterMiddleware {
    typealias Context = SaaSContext

    let authenticator: any Authenticator
    let users: UserDirectory

    func handle(
        _ request: Request, context: SaaSContext, next: (Request, SaaSContext) async throws -> Response
    ) async throws -> Response {
        context.identify(try await users.user(try await caller(request)))
        return try await next(request, context)
    }

    private func caller(_ request: Request) async throws(Problem) -> UserID {
        let fields = request.headers[values: .authorization]
        guard fields.count == 1, fields[0].lowercased().hasPrefix("bearer ") else {
            throw .unauthorized("Sign in first.")
        }
        do {
            switch try await authenticator.recognise(String(fields[0].dropFirst("bearer ".count))) {
            case .user(let user): return user
            case .service, nil: throw Problem.unauthorized("This is no token of a user.")
            }
        } catch let fault as CredentialFault {
            switch fault {
            case .rejected(_, let advice): throw .unauthorized(advice)
            case .undecided: throw .away("The issuer of the tokens")
            }
        } catch let problem as Problem {
            throw problem
        } catch {
            throw .unauthorized("Sign in first.")
        }
    }
}

extension HTTPField.Name {
    private static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("not a field name") }
        return name
    }

    static let requestID = known("X-Request-Id")
    static let referrerPolicy = known("Referrer-Policy")
    static let openerPolicy = known("Cross-Origin-Opener-Policy")
    static let resourcePolicy = known("Cross-Origin-Resource-Policy")
    static let permissionsPolicy = known("Permissions-Policy")
    static let idempotencyKey = known("Idempotency-Key")
    static let stripeSignature = known("Stripe-Signature")
}
