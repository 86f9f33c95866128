import CustodeTesting
import Foundation

/// `scripts/container/Containerfile`, or another of this text, read as far as the tests ask.
struct Containerfile {
    /// One instruction, its continued lines joined.
    struct Instruction: Equatable {
        /// The word it begins with, in capitals.
        let name: String
        /// What follows, with single blanks between its words.
        let text: String
        /// The same by words.
        var words: [String] { text.split(separator: " ").map(String.init) }
        /// The words that are no options of the instruction itself.
        var operands: [String] { Array(words.drop { $0.hasPrefix("--") }) }
        /// The value of one of its options, or nil.
        func option(_ name: String) -> String? {
            words.prefix { $0.hasPrefix("--") }.first { $0.hasPrefix("--\(name)=") }
                .map { String($0.dropFirst(name.count + 3)) }
        }
    }

    /// What the repository has.
    static let path = Checkout.script("container/Containerfile")

    /// All instructions in order.
    let instructions: [Instruction]

    init(_ text: String) {
        var instructions: [Instruction] = []
        var open: [String] = []
        for line in text.split(separator: "\n") where !line.drop(while: { $0 == " " }).hasPrefix("#") {
            let words = line.split(separator: " ").map(String.init)
            let isContinued = words.last == "\\"
            open += isContinued ? words.dropLast() : words
            if isContinued { continue }
            if let name = open.first {
                instructions.append(Instruction(name: name, text: open.dropFirst().joined(separator: " ")))
            }
            open = []
        }
        self.instructions = instructions
    }

    /// The instructions of the last stage, which is what the image is made of.
    var image: [Instruction] {
        Array(instructions[(instructions.lastIndex { $0.name == "FROM" } ?? 0)...])
    }

    /// The packages that an instruction installs.
    static func packages(_ run: Instruction) -> [String] {
        run.text.components(separatedBy: "&&").filter { $0.contains("apt-get install") }.flatMap {
            $0.split(separator: " ").map(String.init).filter { !$0.hasPrefix("-") }.dropFirst(2)
        }
    }

    /// One sentence for each thing that is not as it should be.
    var faults: [String] {
        var faults: [String] = []
        for instruction in instructions { faults += Self.faults(of: instruction) }
        let image = image
        let users = image.filter { $0.name == "USER" }
        if users.isEmpty { faults.append("the image runs as root") }
        for user in users where user.text.wholeMatch(of: /[1-9]\d+:[1-9]\d+/) == nil {
            faults.append("USER \(user.text) is not user:group by numbers, which Kubernetes can see not to be root")
        }
        for copy in image where copy.name == "COPY" && copy.option("chown") == nil {
            faults.append("COPY \(copy.text) does not say who owns it")
        }
        for name in ["ENTRYPOINT", "CMD", "HEALTHCHECK"] where image.count(where: { $0.name == name }) != 1 {
            faults.append("the image has not one \(name)")
        }
        return faults
    }

    private static func faults(of instruction: Instruction) -> [String] {
        let text = instruction.text
        switch instruction.name {
        case "FROM":
            let image = instruction.operands.first ?? ""
            if image.wholeMatch(of: /[a-z0-9.]+\/[a-z0-9\/-]+:[a-z0-9.-]+/) == nil || image.hasSuffix(":latest") {
                return ["FROM \(image) does not name registry, image and version"]
            }
        case "RUN":
            let installs = text.contains("apt-get install")
            if installs && !text.contains("apt-get install -y --no-install-recommends ") {
                return ["packages that nobody asked for: \(text)"]
            }
            if installs && !(text.contains("apt-get update &&") && text.contains("rm -rf /var/lib/apt/lists/*")) {
                return ["lists of packages are not fetched and removed in one step: \(text)"]
            }
            if text.contains("curl ") || text.contains("wget ") || text.contains("chmod 777") { return [text] }
        case "COPY":
            if instruction.option("from") == nil {
                return instruction.operands.dropLast()
                    .filter { !FileManager.default.fileExists(atPath: Checkout.root + "/" + $0) }
                    .map { "COPY \($0): it is not there" }
            }
        case "ENTRYPOINT", "CMD":
            if (try? JSON(Array(text.utf8)))?.array.isEmpty != false {
                return ["\(instruction.name) \(text) is run by a shell, which keeps signals to itself"]
            }
        case "ADD", "MAINTAINER": return ["\(instruction.name) is not to be used"]
        case "ARG", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "USER", "WORKDIR": break
        default: return ["there is no instruction \(instruction.name)"]
        }
        return []
    }
}
