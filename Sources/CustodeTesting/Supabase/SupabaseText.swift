import Foundation
import Glibc

/// The spellings of HTTP and of the server: dates, base64url, percent-encoding.
enum SupabaseText {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// A date as HTTP fields have it (RFC 9110 §5.6.7).
    static func httpDate(_ date: Date) -> String {
        var seconds = time_t(date.timeIntervalSince1970.rounded(.down))
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { two($0) }.joined(separator: ":")
        return "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)])"
            + " \(parts.tm_year + 1_900) \(clock) GMT"
    }

    private static func two(_ number: Int32) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }

    /// The date in an HTTP field, or nil if it is none.
    static func date(ofHTTP text: String) -> Date? {
        let words = text.split(separator: " ").map(String.init)
        guard words.count == 6, words[5] == "GMT", let day = Int32(words[1]), let year = Int32(words[3]),
            let month = months.firstIndex(of: words[2])
        else { return nil }
        let clock = words[4].split(separator: ":").compactMap { Int32($0) }
        guard clock.count == 3 else { return nil }
        var parts = tm()
        (parts.tm_mday, parts.tm_mon, parts.tm_year) = (day, Int32(month), year - 1_900)
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (clock[0], clock[1], clock[2])
        return Date(timeIntervalSince1970: TimeInterval(timegm(&parts)))
    }

    /// A date as the server's JSON has it, with milliseconds.
    static func json(_ date: Date) -> JSON {
        .string(date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    }

    /// The date that `json(_:)` wrote.
    static func date(ofJSON text: String) -> Date? {
        try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    static func base64URL(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// The bytes of base64 or base64url, padded or not, or nil if it is neither.
    static func bytes(ofBase64 text: String) -> [UInt8]? {
        var plain = text.replacing("-", with: "+").replacing("_", with: "/").replacing("=", with: "")
        plain += String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4)
        return Data(base64Encoded: plain).map(Array.init)
    }

    /// What `%xx` stand for, or nil if some are malformed.
    static func percentDecoded(_ text: some StringProtocol) -> String? {
        text.contains("%") ? String(text).removingPercentEncoding : String(text)
    }

    /// Decodes all but what separates the parts of a URL, which JavaScript's `decodeURI` leaves encoded.
    static func decodedURI(_ text: String) -> String {
        let kept = Set(";/?:@&=+$,#")
        guard text.contains("%") else { return text }
        let marked = text.replacing(/%[0-9A-Fa-f]{2}/) { match in
            let decoded = String(match.output).removingPercentEncoding
            guard let decoded, decoded.count == 1, decoded.allSatisfy(kept.contains) else {
                return String(match.output)
            }
            return "%25" + match.output.dropFirst()
        }
        return marked.removingPercentEncoding ?? text
    }

    /// A text as a part of a URL, encoded as JavaScript's `encodeURIComponent` does it.
    static func encodedComponent(_ text: String) -> String {
        var plain = CharacterSet(charactersIn: "-_.!~*'()")
        plain.formUnion(CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"))
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? text
    }

    /// A new random id.
    static func uuid() -> String {
        UUID().uuidString.lowercased()
    }
}

extension Duration {
    /// The duration as the interval that dates reckon with.
    var interval: TimeInterval {
        TimeInterval(components.seconds) + TimeInterval(components.attoseconds) / 1e18
    }
}
