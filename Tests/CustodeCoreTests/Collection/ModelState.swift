import CustodeCore

/// A bucket and a database in memory, with what the SQL of collection does to them, each change in one step.
struct ModelState {
    struct Blob: Equatable {
        /// Which writing of bytes this is.
        let content: Int
        var modified: Timestamp

        var facts: BlobFacts {
            BlobFacts(etag: "\(content)-\(modified.microseconds)", size: Int64(content), modified: modified)
        }
    }

    struct Intent {
        let key: ObjectKey
        var isOpen = true
        var isQueued = false
        var leaseUntil: Timestamp
    }

    struct Event {
        let key: String
        var reviewAfter: Timestamp
        var attempts = 0
        var claimedBy: String?
        var claimedUntil: Timestamp?
        var isParked = false
    }

    struct Item {
        enum State { case seen, quarantining, quarantined, restoring, purging }
        let key: QuarantinedKey
        var state: State
        var etag: String
        var size: Int64
        var run: String
        var firstSeen: Timestamp?
        var place: TrashPlace?
        var claimedBy: String?
        var claimedUntil: Timestamp?
        var quarantinedAt: Timestamp?
        var record: Int?
    }

    struct Reference: Hashable {
        let job: String
        let object: String
    }

    var now = Timestamp(seconds: 1_800_000_000)
    var bucket: [String: Blob] = [:]
    /// The SaaS's rows.
    var jobs: [String: String] = [:]
    var references: [Reference: String] = [:]
    /// Ours.
    var objects: [String: Int] = [:]
    var intents: [Int64: Intent] = [:]
    var events: [Int64: Event] = [:]
    var items: [Int64: Item] = [:]
    var audit: [(action: String, key: String)] = []
    var runs: [String: Int64] = [:]
    var lastSweep: (marker: String, liveReferences: Int64)?
    var leader: (epoch: Int64, leaseUntil: Timestamp, holder: String?) = (0, Timestamp(seconds: 0), nil)
    var isStandby = false
    var rowsMayBeHidden = false
    var lastID: Int64 = 0
    var lastContent = 0
    /// What ever was referred to, by key: the content that was acknowledged.
    var acknowledged: [String: Int] = [:]
    /// Contents that left the quarantine for good.
    var purged: Set<Int> = []
    /// What happens while an object is moved, before it is.
    var moving: (@Sendable () async -> Void)?
    /// How often the bucket was changed by collection.
    var mutations = 0

    mutating func nextID() -> Int64 {
        lastID += 1
        return lastID
    }

    /// The oldest of the items that are so.
    func item(where isSo: (Item) -> Bool) -> (key: Int64, value: Item)? {
        items.filter { isSo($0.value) }.min { $0.key < $1.key }
    }

    var live: Set<String> { Set(references.values) }

    func isReferenced(_ key: String) -> Bool { references.values.contains(key) }

    /// What a trigger does when a reference goes; where triggers are not granted, nothing.
    mutating func unrefer(_ reference: Reference, triggers: Bool) {
        guard let key = references.removeValue(forKey: reference), triggers else { return }
        events[nextID()] = Event(key: key, reviewAfter: now)
    }

    mutating func refer(_ reference: Reference, to key: String, triggers: Bool) {
        unrefer(reference, triggers: triggers)
        references[reference] = key
    }

    func holdsFence(_ fence: Fence?) -> Bool {
        fence.map { leader.epoch == $0.epoch && leader.leaseUntil > now } ?? true
    }

    /// `custode.begin_upload`.
    mutating func beginUpload(plain: ObjectKey, suffixed: ObjectKey, lease: Duration) -> Int64 {
        let isTaken =
            objects[plain.text] != nil || items.values.contains { $0.key.text == plain.text && $0.state != .seen }
            || intents.values.contains { $0.key == plain }
        let id = nextID()
        intents[id] = Intent(key: isTaken ? suffixed : plain, leaseUntil: now + lease)
        return id
    }

    /// `custode.publish`: whether the reference is written.
    mutating func publish(_ id: Int64, owner: String, content: Int, replacing: Bool, triggers: Bool) -> Bool {
        guard let intent = intents[id], intent.isOpen else { return false }
        let reference = Reference(job: intent.key.job.text, object: intent.key.object.text)
        guard jobs[reference.job] == owner else { return false }
        intents[id] = nil
        guard replacing || references[reference] == nil else {
            intents[nextID()] = Intent(key: intent.key, isOpen: false, leaseUntil: now)
            return false
        }
        objects[intent.key.text] = content
        acknowledged[intent.key.text] = content
        refer(reference, to: intent.key.text, triggers: triggers)
        return true
    }

    /// The abandoning of an intent.
    mutating func abandon(_ id: Int64, _ key: ObjectKey) {
        guard objects[key.text] == nil else { return }
        intents[id] = nil
        if !intents.values.contains(where: { $0.key == key }) {
            intents[id] = Intent(key: key, isOpen: false, leaseUntil: now)
        }
    }

    mutating func deleteJob(_ job: String, triggers: Bool) {
        jobs[job] = nil
        for reference in references.keys.filter({ $0.job == job }).sorted(by: { $0.object < $1.object }) {
            unrefer(reference, triggers: triggers)
        }
    }

    /// Rows of a job and of one object of it are there again, by another hand than ours.
    ///
    /// Such a hand takes no lock of ours: what it refers to in the very moment between the last look and the move lies
    /// in quarantine then, is told as missing, and is not purged. That moment is left out here.
    mutating func referAgain(_ job: String) {
        let candidates = acknowledged.keys.sorted().compactMap { ObjectKey(parsing: $0) }
            .filter {
                $0.job.text == job && !isReferenced($0.text) && bucket[$0.text]?.content == acknowledged[$0.text]
            }
        guard let key = candidates.first,
            item(where: { $0.key.text == key.text && $0.state == .quarantining }) == nil
        else { return }
        let reference = Reference(job: job, object: key.object.text)
        guard references[reference] == nil else { return }
        jobs[job] = key.user.text
        references[reference] = key.text
        objects[key.text] = acknowledged[key.text]
    }
}
