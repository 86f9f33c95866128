/// Counts of how many users everything would go, while objects come in the order of their keys.
///
/// All objects of a user come one after another. What is due is known a little later than what there is; only users with
/// something undecided are kept that long.
struct UserTally {
    private struct Counts {
        var total: Int64 = 0
        var undecided = false
        var due: Int64 = 0
    }

    private var current: (user: String, counts: Counts)?
    private var earlier: [String: Counts] = [:]
    private var wholeUsers: Int64 = 0

    /// The user's component of a key of ours.
    static func user(of key: String) -> Substring? {
        guard key.utf8.starts(with: "users/".utf8) else { return nil }
        let rest = key.utf8.dropFirst("users/".utf8.count)
        guard let end = rest.firstIndex(of: 0x2F) else { return nil }
        return key[rest.startIndex..<end]
    }

    /// Takes an object of a user.
    mutating func count(_ user: Substring) {
        if current?.user.utf8.elementsEqual(user.utf8) != true {
            close()
            current = (String(user), Counts())
        }
        current?.counts.total += 1
    }

    /// The last object counted may turn out to be due.
    mutating func deferCurrent() { current?.counts.undecided = true }

    /// An object of a user is due.
    mutating func condemn(_ user: Substring) {
        if current?.user.utf8.elementsEqual(user.utf8) == true {
            current?.counts.due += 1
        } else {
            earlier[String(user)]?.due += 1
        }
    }

    /// All that was undecided is decided.
    mutating func settle() {
        for counts in earlier.values where counts.due == counts.total { wholeUsers += 1 }
        earlier.removeAll(keepingCapacity: true)
    }

    /// How many users lose everything.
    mutating func finish() -> Int64 {
        close()
        settle()
        return wholeUsers
    }

    private mutating func close() {
        if let (user, counts) = current, counts.undecided { earlier[user] = counts }
        current = nil
    }
}
