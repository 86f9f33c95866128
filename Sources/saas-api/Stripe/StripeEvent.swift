import CustodeCore
import FoundationEssentials

/// An event of Stripe's, as far as it is of use here.
struct StripeEvent: Decodable {
    /// A payment that was made by a session of ours.
    struct Payment {
        let session: String
        let user: UserID
        let credits: Int64
    }

    let id: String
    let type: String
    private let session: JSONValue

    private enum CodingKeys: CodingKey { case id, type, data }

    private enum DataKeys: CodingKey { case object }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        type = try container.decode(String.self, forKey: .type)
        session = try container.nestedContainer(keyedBy: DataKeys.self, forKey: .data)
            .decode(JSONValue.self, forKey: .object)
    }

    /// Reads the body of a webhook whose signature was verified; `nil` if it is no event.
    init?(_ body: [UInt8]) {
        guard let event = try? JSONDecoder().decode(StripeEvent.self, from: Data(body)), !event.id.isEmpty,
            event.id.utf8.count <= 255
        else { return nil }
        self = event
    }

    /// The payment it tells of; `nil` if none has come in by it.
    ///
    /// Of one session two events may tell, when the money comes later: in any order, and each more than once.
    var payment: Payment? {
        guard isOfMoney, let id = session["id"].string, !id.isEmpty,
            let user = session["metadata"]["user_id"].string.flatMap(UserID.init),
            let credits = session["metadata"]["credits"].string.flatMap({ Int64($0) }),
            (1...1_000_000).contains(credits)
        else { return nil }
        return Payment(session: id, user: user, credits: credits)
    }

    /// Whether it tells of a payment by a session of ours, and does not say whose, or for what.
    var isUnreadable: Bool { isOfMoney && payment == nil && session["metadata"]["credits"] != .null }

    /// Whether money came in by it, for whatever: an account at Stripe may be used for other things too.
    private var isOfMoney: Bool {
        ["checkout.session.completed", "checkout.session.async_payment_succeeded"].contains(type)
            && session["object"].string == "checkout.session"
            // A voucher for the whole price is the operator's to give.
            && ["paid", "no_payment_required"].contains(session["payment_status"].string)
    }
}
