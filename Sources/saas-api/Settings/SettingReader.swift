import Foundation

/// Turns the text of settings into values, gathering every fault.
struct SettingReader {
    private static let longestTimeout = 900.0

    private var values: [SettingName: String] = [:]
    private let environment: [String: String]
    private(set) var faults: [String] = []

    init(_ environment: [String: String]) {
        self.environment = environment
        let known = Set(SettingName.allCases.map(\.rawValue))
        for name in environment.keys.sorted() where name.hasPrefix("SAAS_") {
            let isFile = name.hasSuffix("_FILE") && known.contains(String(name.dropLast(5)))
            if !known.contains(name), !isFile { faults.append("\(name): there is no such setting") }
        }
        for name in SettingName.allCases { values[name] = value(name) }
    }

    private mutating func value(_ name: SettingName) -> String? {
        let value = environment[name.rawValue].flatMap { $0.isEmpty ? nil : $0 }
        guard let path = environment[name.rawValue + "_FILE"], !path.isEmpty else { return value }
        guard name.isSecret else {
            faults.append("\(name.rawValue)_FILE: only secrets come from files")
            return value
        }
        guard value == nil else {
            faults.append("\(name.rawValue): given itself and as a file")
            return value
        }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            faults.append("\(name.rawValue)_FILE: cannot read \(path)")
            return nil
        }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func text(_ name: SettingName) -> String? { values[name] }

    /// - Parameter other: Another variable that says it too, which other programs read.
    mutating func required(_ name: SettingName, or other: String? = nil) -> String {
        if let value = values[name] { return value }
        if let other, let value = environment[other], !value.isEmpty { return value }
        faults.append("\(name.rawValue): required; \(name.explanation.prefix { $0 != ";" })")
        return ""
    }

    mutating func address(_ name: SettingName, _ fallback: String) -> Settings.Address {
        let text = values[name] ?? fallback
        if let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
            colon > text.startIndex
        {
            return Settings.Address(host: String(text[..<colon]), port: Int(port))
        }
        faults.append("\(name.rawValue): \(text) is not host:port, such as \(fallback)")
        return Settings.Address(host: "127.0.0.1", port: 0)
    }

    /// A URL without what would have to come after a path.
    mutating func url(_ name: SettingName, _ fallback: String) -> String {
        var text = values[name] ?? fallback
        while text.hasSuffix("/") { text.removeLast() }
        // What is missing was said already.
        if text.isEmpty || Self.isURL(text) { return text }
        faults.append("\(name.rawValue): \(text) is not a URL, such as https://app.example.com")
        return text
    }

    /// Whoever can change a reply on its way could log in as anybody: so https, but for one's own machine.
    mutating func demandPrivacy(_ url: String, of name: SettingName) {
        guard let parts = URL(string: url), let host = parts.host(), !host.isEmpty else {
            // What is missing was said already.
            if values[name] != nil { faults.append("\(name.rawValue): \(url) is not a URL") }
            return
        }
        if parts.scheme == "https" || (parts.scheme == "http" && ["127.0.0.1", "localhost", "::1"].contains(host)) {
            return
        }
        faults.append("\(name.rawValue): \(url) must be https, except on this machine itself")
    }

    mutating func count(_ name: SettingName, _ fallback: Int64, _ range: ClosedRange<Int64>) -> Int64 {
        guard let text = values[name] else { return fallback }
        if let count = Int64(text), range.contains(count) { return count }
        faults.append("\(name.rawValue): \(text) is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        return fallback
    }

    mutating func oneOf<Value>(_ name: SettingName, _ fallback: Value, _ read: (String) -> Value?) -> Value {
        guard let text = values[name] else { return fallback }
        if let value = read(text.lowercased()) { return value }
        faults.append("\(name.rawValue): \(text) is none of \(name.explanation.prefix { $0 != ";" })")
        return fallback
    }

    /// A time such as `500ms`, `10s`, `10m`.
    private mutating func duration(_ name: SettingName, _ fallback: Duration, _ seconds: ClosedRange<Double>)
        -> Duration
    {
        guard let text = values[name] else { return fallback }
        let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)]
        let unit = units.first { text.hasSuffix($0.0) }
        if let unit, let count = Double(text.dropLast(unit.0.count)), seconds.contains(count * unit.1) {
            return .seconds(count * unit.1)
        }
        faults.append(
            "\(name.rawValue): \(text) is not a time from \(seconds.lowerBound) s to \(seconds.upperBound) s, such as 10s"
        )
        return fallback
    }

    mutating func calls() -> Settings.Calls {
        var endpoints: [JobType: String] = [:]
        for type in JobType.allCases where values[type.setting] != nil { endpoints[type] = url(type.setting, "") }
        let price = values[.hourPrice].map { Double($0) ?? -1 } ?? 0.36
        if !(0...10_000).contains(price) {
            faults.append("\(SettingName.hourPrice.rawValue): not an amount of dollars")
        }
        return Settings.Calls(
            endpoints: endpoints, timeout: duration(.callTimeout, .seconds(600), 0.1...Self.longestTimeout),
            attempts: count(.callAttempts, 8, 1...100), retry: duration(.callRetry, .seconds(15), 0.01...3_600),
            inputWait: duration(.inputWait, .seconds(7 * 86_400), 1...366 * 86_400),
            atOnce: Int(count(.callsAtOnce, 8, 1...1_000)), usdPerHour: price)
    }

    mutating func costs() -> [JobType: Int64] {
        var costs = Dictionary(uniqueKeysWithValues: JobType.allCases.map { ($0, Int64(1)) })
        for (name, value) in pairs(.costs) {
            guard let type = JobType(rawValue: name), let cost = Int64(value), (0...1_000_000).contains(cost) else {
                faults.append("\(SettingName.costs.rawValue): \(name)=\(value) is no cost of a type of jobs")
                continue
            }
            costs[type] = cost
        }
        return costs
    }

    mutating func stripe() -> Settings.Stripe? {
        let packs = pairs(.packs).compactMap { name, price -> Settings.Pack? in
            guard let credits = Int64(name), (1...1_000_000).contains(credits), !price.isEmpty else {
                faults.append("\(SettingName.packs.rawValue): \(name)=\(price) is not credits=price")
                return nil
            }
            return Settings.Pack(credits: credits, price: price)
        }
        let url = url(.stripeURL, "https://api.stripe.com")
        guard !packs.isEmpty else { return nil }
        demandPrivacy(url, of: .stripeURL)
        for pack in packs where packs.count(where: { $0.credits == pack.credits }) > 1 {
            faults.append("\(SettingName.packs.rawValue): \(pack.credits) credits have two prices")
        }
        // A secret that is empty by a comma too many would be everybody's.
        let secrets = required(.stripeWebhookSecret).split(separator: ",", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        for secret in secrets where !secret.isEmpty || secrets.count > 1 {
            if secret.hasPrefix("whsec_"), secret.utf8.count > "whsec_".utf8.count { continue }
            faults.append("\(SettingName.stripeWebhookSecret.rawValue): each secret begins with whsec_")
        }
        return Settings.Stripe(url: url, key: required(.stripeKey), webhookSecrets: secrets, packs: packs)
    }

    private func pairs(_ name: SettingName) -> [(String, String)] {
        (values[name] ?? "").split(separator: ",").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            return (parts.first ?? "", parts.count == 2 ? parts[1] : "")
        }
    }

    private static func isURL(_ text: String) -> Bool {
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host()?.isEmpty == false else {
            return false
        }
        return url.user() == nil && url.query() == nil && url.fragment() == nil
    }
}
