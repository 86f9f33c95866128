import HTTPTypes
import Hummingbird
import Logging
import PostgresClient

/// `/saas/account` and `/saas/checkout`: what a user has left, and how to get more.
struct AccountRoutes: Sendable {
    let pool: PostgresPool
    let credits: Credits
    let checkout: Checkout?

    /// Adds the routes, for callers that are known.
    func add(to routes: RouterGroup<SaaSContext>) {
        routes.get("account", use: account)
        routes.post("checkout", use: buy)
    }

    @Sendable private func account(_ request: Request, _ context: SaaSContext) async throws -> Response {
        let account = try await credits.account(of: try context.user(), pool)
        return .json(
            AccountReply(credits: account.balance, allowance: credits.allowance, renewsAt: account.renewsAt))
    }

    @Sendable private func buy(_ request: Request, _ context: SaaSContext) async throws -> Response {
        let user = try context.user()
        guard let checkout else { throw Problem.notFound }
        let order = try await request.decoded(PackOrder.self, upTo: 1_024)
        guard let pack = checkout.settings.packs.first(where: { "\($0.credits)" == order.pack }) else {
            throw Problem.badRequest(
                "pack is one of \(checkout.settings.packs.map { "\($0.credits)" }.joined(separator: ", ")).")
        }
        return .json(
            Bought(url: try await checkout.begin(pack, for: user, attempt: context.id, context.logger)),
            status: .created)
    }

    private struct AccountReply: Encodable {
        let credits: Int64
        let allowance: Int64
        let renewsAt: String
    }

    private struct PackOrder: Decodable { let pack: String }

    private struct Bought: Encodable { let url: String }
}
