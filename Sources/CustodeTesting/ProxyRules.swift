/// What a `FaultProxy` was told to do, and what it saw: plain data, kept under its lock.
struct ProxyRules {
    enum Action {
        case answer(CannedResponse)
        case rewrite(ResponseRewrite)
        case lose(ProxyFault.Ending)
        case hold(ProxyFault.Direction)
    }

    private struct Rule {
        let part: String
        var skip: Int
        var left: Int
        let action: Action
    }

    private struct Limit {
        let bytes: Int
        let ending: ProxyFault.Ending?
        var left: Int
        let generation: Int
    }

    /// How many bytes of a connection count for the limit that stands now.
    struct Tally {
        fileprivate var generation = 0
        fileprivate var count = 0
    }

    /// How many bytes to forward now, and what before or after.
    struct Step {
        enum Then {
            case goOn
            case pause(Duration)
            case end(ProxyFault.Ending)
            case stall
        }
        var count: Int
        var then: Then
    }

    private(set) var latency = Duration.zero
    private(set) var refuses = false
    private var limits: [ProxyFault.Direction: Limit] = [:]
    private var rates: [ProxyFault.Direction: Int] = [:]
    private var rules: [Rule] = []
    private var generation = 0

    /// A slow connection gets this share of a second's bytes at a time.
    private static let ticks = 20

    mutating func set(_ fault: ProxyFault, times: Int) {
        generation += 1
        switch fault {
        case .latency(let duration): latency = duration
        case .cut(let bytes, let direction, let ending):
            limits[direction] = Limit(bytes: bytes, ending: ending, left: times, generation: generation)
        case .stall(let bytes, let direction):
            limits[direction] = Limit(bytes: bytes, ending: nil, left: times, generation: generation)
        case .slow(let rate, let direction): rates[direction] = rate
        case .refuse: refuses = true
        }
    }

    mutating func add(_ action: Action, matching part: String, skipping: Int, times: Int) {
        rules.append(Rule(part: part, skip: skipping, left: times, action: action))
    }

    mutating func clear() {
        let next = generation + 1
        self = ProxyRules()
        generation = next
    }

    /// What to do about a request, which uses up one time of the first rule that matches.
    mutating func action(for line: String) -> Action? {
        for index in rules.indices where rules[index].left > 0 && line.contains(rules[index].part) {
            if rules[index].skip > 0 {
                rules[index].skip -= 1
                continue
            }
            rules[index].left -= 1
            return rules[index].action
        }
        return nil
    }

    /// How many of these bytes may go in this direction now.
    mutating func step(_ direction: ProxyFault.Direction, offered: Int, tally: inout Tally) -> Step {
        var step = Step(count: offered, then: .goOn)
        if let rate = rates[direction] {
            step.count = min(offered, max(1, rate / Self.ticks))
            step.then = .pause(.seconds(1) * Double(step.count) / Double(max(1, rate)))
        }
        if var limit = limits[direction], limit.left > 0 {
            if tally.generation != limit.generation {
                tally = Tally(generation: limit.generation, count: 0)
            }
            let left = max(0, limit.bytes - tally.count)
            if left <= step.count {
                step.count = left
                step.then = limit.ending.map { .end($0) } ?? .stall
                limit.left -= 1
                limits[direction] = limit
            }
            tally.count += step.count
        }
        return step
    }
}
