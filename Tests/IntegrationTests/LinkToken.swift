import Foundation

/// The token of a link, taken apart so that a test can damage it.
struct LinkToken {
    /// The token as it stands in the URL.
    let text: String
    /// The bytes it encodes.
    let bytes: [UInt8]

    /// The token of a link's request target.
    init?(target: String) {
        let parts = target.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 3, ["o", "u"].contains(parts[1]) else { return nil }
        text = String(parts[2])
        guard let bytes = Self.decode(text) else { return nil }
        self.bytes = bytes
    }

    /// The token with one bit of its bytes turned.
    func flipping(bit: Int) -> String {
        var damaged = bytes
        damaged[bit / 8] ^= 1 << (bit % 8)
        return Self.encode(damaged)
    }

    static func encode(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
            "=", with: "")
    }

    private static func decode(_ text: String) -> [UInt8]? {
        let plain = text.replacing("-", with: "+").replacing("_", with: "/")
        let padding = String(repeating: "=", count: (4 - plain.count % 4) % 4)
        return Data(base64Encoded: plain + padding).map(Array.init)
    }
}
