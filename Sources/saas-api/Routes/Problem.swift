import CustodeAPI
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import PostgresClient

/// What a client is told of a refusal: `application/problem+json` (RFC 9457).
struct Problem: Error, Sendable {
    let status: HTTPResponse.Status
    let slug: String
    /// A sentence for people, which says what to do about it.
    let detail: String
    var retryAfter: Int?

    static func badRequest(_ detail: String) -> Problem {
        Problem(status: .badRequest, slug: "bad-request", detail: detail)
    }
    static func unauthorized(_ detail: String) -> Problem {
        Problem(status: .unauthorized, slug: "unauthorized", detail: detail)
    }
    static let notFound = Problem(
        status: .notFound, slug: "not-found", detail: "There is no such thing, or it is not yours.")
    static let unknownUser = Problem(
        status: .forbidden, slug: "unknown-user", detail: "This account is not known here; ask for it to be opened.")
    static func away(_ what: String, after seconds: Int = 5) -> Problem {
        Problem(
            status: .serviceUnavailable, slug: "away",
            detail: "\(what) does not answer at the moment; try again in a few seconds.", retryAfter: seconds)
    }
    static func noCredits(_ cost: Int64) -> Problem {
        Problem(
            status: .init(code: 402, reasonPhrase: "Payment Required"), slug: "no-credits",
            detail: "This job costs \(cost) \(cost == 1 ? "credit" : "credits"), and there are not as many left. "
                + "Nothing was stored. Buy credits, or wait for the next month's.")
    }

    /// The problem that an error is to a client; `nil` for a fault of ours.
    init?(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let exhausted as Credits.Exhausted: self = .noCredits(exhausted.cost)
        case is UserDirectory.Unknown: self = .unknownUser
        // Of somebody who was known a moment ago, and was removed since.
        case let error as PostgresError where error.sqlState == "23503": self = .unknownUser
        case let error as PostgresError where error.isRetryable: self = .away("The database")
        case let error as CustodeError where error.isPassing: self = .away("The storage", after: Self.wait(error))
        case let error as any HTTPResponseError:
            switch error.status {
            case .notFound: self = .notFound
            case .contentTooLarge:
                self.init(status: .contentTooLarge, slug: "too-large", detail: "The request's body is too large.")
            case let status where status.kind == .clientError:
                self.init(status: status, slug: "bad-request", detail: "The request cannot be understood.")
            default: return nil
            }
        default: return nil
        }
    }

    init(status: HTTPResponse.Status, slug: String, detail: String, retryAfter: Int? = nil) {
        self.status = status
        self.slug = slug
        self.detail = detail
        self.retryAfter = retryAfter
    }

    private static func wait(_ error: CustodeError) -> Int {
        guard case .refused(let problem) = error, let wait = problem.retryAfter else { return 5 }
        return max(1, Int(wait / .seconds(1)))
    }

    /// The reply.
    ///
    /// - Parameter instance: The request's id.
    func response(_ instance: String) -> Response {
        let document = Document(
            type: "urn:saas:\(slug)", title: status.reasonPhrase, status: status.code, detail: detail,
            instance: instance)
        var response = Response.json(document, status: status)
        response.headers[.contentType] = "application/problem+json"
        if let retryAfter { response.headers[.retryAfter] = "\(retryAfter)" }
        if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
        // What such a request still sends is not waited for.
        if status == .contentTooLarge { response.headers[.connection] = "close" }
        return response
    }

    private struct Document: Encodable {
        let type: String
        let title: String
        let status: Int
        let detail: String
        let instance: String
    }
}

extension Response {
    /// A reply of JSON, which nobody keeps.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        let encoder = JSONEncoder()
        // Sorted: what is the same is the same byte for byte.
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        // Values of ours, all of which have a place in JSON.
        let body = (try? encoder.encode(value)) ?? Data("{}".utf8)
        return Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }
}
