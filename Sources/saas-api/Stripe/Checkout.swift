import CustodeCore
import Foundation
import HTTPFetch
import Logging
import NIOCore

/// Begins payments at Stripe Checkout (`POST /v1/checkout/sessions`).
struct Checkout: Sendable {
    private static let patience = Duration.seconds(20)

    let settings: Settings.Stripe
    /// Where browsers come back to.
    let publicURL: String
    let fetcher: Fetcher

    /// Makes a session for one pack.
    ///
    /// - Parameter attempt: The request's id: should a connection break, what is sent again is known for the same.
    /// - Returns: Where the browser is to go to pay.
    /// - Throws: ``Problem``.
    func begin(_ pack: Settings.Pack, for user: UserID, attempt: String, _ logger: Logger) async throws(Problem)
        -> String
    {
        var request = FetchRequest("POST", settings.url + "/v1/checkout/sessions")
        request.headers = [
            ("Authorization", "Bearer \(settings.key)"), ("Content-Type", "application/x-www-form-urlencoded"),
            ("Idempotency-Key", attempt),
        ]
        // Whoever pays is told by the session alone: the metadata comes back, signed, with the event.
        let fields = [
            ("mode", "payment"), ("line_items[0][price]", pack.price), ("line_items[0][quantity]", "1"),
            ("metadata[user_id]", user.text), ("metadata[credits]", "\(pack.credits)"),
            ("success_url", publicURL + "/#/jobs?paid=1"),
            ("cancel_url", publicURL + "/#/jobs?paid=0"),
        ]
        request.body = .bytes(
            ByteBuffer(string: fields.map { "\(Self.escaped($0))=\(Self.escaped($1))" }.joined(separator: "&")))
        request.stall = Self.patience
        let (status, body) = try await answer(request, logger)
        guard status == 200, let session = try? JSONDecoder().decode(Session.self, from: body),
            session.url.hasPrefix("https://") || session.url.hasPrefix("http://")
        else {
            logger.error("checkout: Stripe answers \(status): \(String(decoding: body.prefix(500), as: UTF8.self))")
            throw .away("The payment service")
        }
        return session.url
    }

    private func answer(_ request: FetchRequest, _ logger: Logger) async throws(Problem) -> (Int, Data) {
        do {
            let response = try await fetcher.fetch(request)
            let body = try await response.body.collect(upTo: 256 * 1_024)
            return (response.status, Data(body.readableBytesView))
        } catch {
            logger.error("checkout: \(error.message)")
            throw .away("The payment service")
        }
    }

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

    private struct Session: Decodable { let url: String }
}
