import Cryptography
import CustodeCore

/// The signature under a webhook (`Stripe-Signature: t=…,v1=…`): HMAC-SHA-256 of `t.body` under the endpoint's secret.
struct StripeSignature {
    /// How far a signature's time may be from ours, either way: what is older may be somebody's who kept it.
    static let tolerance: Int64 = 300

    /// Why one is not accepted.
    enum Fault: Error {
        case malformed, forged, late
    }

    private let time: Int64
    private let candidates: [[UInt8]]

    /// Reads the header field.
    init(_ field: String) throws(Fault) {
        var times: [Int64] = []
        var candidates: [[UInt8]] = []
        for part in field.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " } }
            guard pair.count == 2 else { throw .malformed }
            // Other schemes are older ones, which nobody may fall back to.
            if pair[0] == "t" { times.append(Int64(pair[1]) ?? -1) }
            if pair[0] == "v1", let bytes = Hex.decode(pair[1]) { candidates.append(bytes) }
        }
        guard times.count == 1, times[0] > 0, !candidates.isEmpty else { throw .malformed }
        time = times[0]
        self.candidates = candidates
    }

    /// Checks it for a body.
    func verify(_ body: [UInt8], secrets: [String], now: Timestamp) throws(Fault) {
        let message = Array("\(time).".utf8) + body
        let isGenuine = secrets.reduce(false) { known, secret in
            let expected = HMACSHA256(key: Array(secret.utf8)).authenticate(message)
            return candidates.reduce(known) { $0 || constantTimeEquals($1, expected) }
        }
        guard isGenuine else { throw .forged }
        guard abs(now.seconds - time) <= Self.tolerance else { throw .late }
    }
}
