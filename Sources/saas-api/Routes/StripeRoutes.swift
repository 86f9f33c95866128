import CustodeCore
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import PostgresClient

/// `POST /saas/stripe/webhook`: what Stripe tells of payments, once, twice, late or in any order.
struct StripeRoutes: Sendable {
    private static let largestEvent = 64 * 1_024

    let pool: PostgresPool
    let credits: Credits
    let secrets: [String]
    let clock: any WallClock

    private static let note = PostgresStatement(
        name: "saas_stripe_note",
        "insert into saas.stripe_events (id, type, outcome) values ($1, $2, $3) on conflict do nothing")

    /// Adds the route, for whoever can sign.
    func add(to routes: RouterGroup<SaaSContext>) { routes.post("stripe/webhook", use: receive) }

    @Sendable private func receive(_ request: Request, _ context: SaaSContext) async throws -> Response {
        let body: [UInt8]
        do {
            // Before the body: who has no signature to show is not listened to.
            let fields = request.headers[values: .stripeSignature]
            guard fields.count == 1 else { throw StripeSignature.Fault.malformed }
            let signature = try StripeSignature(fields[0])
            body = Array(try await request.body.collect(upTo: Self.largestEvent).readableBytesView)
            try signature.verify(body, secrets: secrets, now: clock.now())
        } catch let fault as StripeSignature.Fault {
            context.logger.warning("webhook refused: its signature is \(fault)")
            throw Problem.badRequest("The signature is missing, not ours, or too old.")
        }
        guard let event = StripeEvent(body) else { throw Problem.badRequest("The body is no event.") }
        if event.isUnreadable {
            // Refused, so that Stripe tells it again for days, and shows the operator that it cannot.
            context.logger.error(
                "webhook: \(event.id) tells of a payment of ours that cannot be read; look at it in Stripe's dashboard")
            throw Problem(
                status: .unprocessableContent, slug: "unreadable",
                detail: "The session was paid, but its metadata is not ours.")
        }
        let outcome = try await take(event)
        context.logger.notice(
            "webhook", metadata: ["event": "\(event.id)", "type": "\(event.type)", "outcome": "\(outcome)"])
        return .json(Received(outcome: outcome))
    }

    /// Notes the event and credits its payment, both or neither.
    private func take(_ event: StripeEvent) async throws -> String {
        try await pool.withTransaction { connection in
            let payment = event.payment
            let outcome = payment == nil ? "ignored" : "credited"
            let noted = try await connection.query(Self.note, [.text(event.id), .text(event.type), .text(outcome)])
            guard noted.affectedRows > 0 else { return "repeated" }
            guard let payment else { return outcome }
            let isNew = try await credits.purchase(
                payment.credits, by: payment.user.text, session: payment.session, event: event.id, connection)
            return isNew ? outcome : "credited before"
        }
    }

    private struct Received: Encodable { let outcome: String }
}
