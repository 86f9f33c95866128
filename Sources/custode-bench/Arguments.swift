/// The words after `custode-bench`: a verb, then `--name value` pairs, a name as often as it is given.
struct Arguments {
    let verb: String
    private let options: [String: [String]]

    init(_ words: some Collection<String>) throws(BenchError) {
        var rest = words[...]
        guard let verb = rest.popFirst() else { throw BenchError("which tool? see --help") }
        var options: [String: [String]] = [:]
        while let name = rest.popFirst() {
            guard name.hasPrefix("--"), let value = rest.popFirst() else {
                throw BenchError("expected --name value, got \(name)")
            }
            options[String(name.dropFirst(2)), default: []].append(value)
        }
        self.verb = verb
        self.options = options
    }

    func all(_ name: String) -> [String] {
        options[name] ?? []
    }

    func text(_ name: String) throws(BenchError) -> String {
        guard let value = options[name]?.last else { throw BenchError("--\(name) is missing") }
        return value
    }

    func integer(_ name: String, default fallback: Int? = nil) throws(BenchError) -> Int {
        if let fallback, options[name] == nil { return fallback }
        let value = try text(name)
        guard let number = Int(value), number > 0 else { throw BenchError("--\(name) \(value): not a count") }
        return number
    }
}
