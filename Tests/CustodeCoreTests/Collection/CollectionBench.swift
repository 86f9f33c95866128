import CustodeCore
import CustodeTesting
import Testing

/// The use cases of collection over a model.
struct CollectionBench {
    let model: Model
    var policy: Policy.Collection

    init(_ model: Model = Model()) throws {
        self.model = model
        policy = try Sample.policy().collection
        policy.brakes.percent = 100
        policy.brakes.livePercent = 0
    }

    func parts(
        _ seed: UInt64 = 1,
        pause: @escaping @Sendable (Duration) async throws -> Void = {
            _ in try await ContinuousClock().sleep(for: .seconds(3_600))
        }
    ) -> CollectionParts {
        CollectionParts(
            catalog: model, store: model, marker: model, clock: model, random: SeededRandom(seed: seed), policy: policy,
            environment: Model.identity.environment,
            pause: pause)
    }

    func sweep(_ seed: UInt64 = 1, _ change: (inout SweepBucket.Options) -> Void = { _ in }) async -> CollectionReport {
        var options = SweepBucket.Options()
        change(&options)
        let sweep = SweepBucket(parts(seed), hashing: ModelHashing(), leaderLease: .seconds(60)) {
            () throws(BlobStoreError) in MemorySpool()
        }
        return await sweep(options)
    }

    /// A sweep so much later than now.
    func sweep(after time: Duration, _ seed: UInt64 = 1) async -> CollectionReport {
        model.with { $0.now = $0.now + time }
        return await sweep(seed)
    }

    /// Publishes an object of a job as an upload would, and returns its key.
    @discardableResult
    func store(_ job: String, _ object: String = "input", user: String = "u", age: Duration = .seconds(0)) throws
        -> String
    {
        let key = try Self.key(job, object, user: user)
        model.with { state in
            state.lastContent += 1
            state.jobs[job] = user
            state.bucket[key.text] = ModelState.Blob(content: state.lastContent, modified: state.now + (.zero - age))
            state.objects[key.text] = state.lastContent
            state.acknowledged[key.text] = state.lastContent
            state.references[ModelState.Reference(job: job, object: object)] = key.text
        }
        return key.text
    }

    /// An object of a job that does not exist.
    @discardableResult
    func orphan(_ job: String, user: String = "u", age: Duration = .seconds(86_400 * 3)) throws -> String {
        let key = try store(job, user: user, age: age)
        model.with { $0.deleteJob(job, triggers: false) }
        return key
    }

    static func key(_ job: String, _ object: String = "input", user: String = "u", suffix: String? = nil) throws
        -> ObjectKey
    {
        try ObjectKey(
            user: #require(UserID(user)), job: #require(JobID(job)), object: #require(ObjectName(object)),
            suffix: suffix, extension: object == "input" ? "wav" : "txt")
    }

    func isInPlace(_ key: String) -> Bool { model.with { $0.bucket[key] != nil } }
    var trash: [String] { model.with { $0.bucket.keys.filter { $0.hasPrefix(TrashPlace.root) }.sorted() } }
}

/// Bytes that a seed decides.
final class SeededRandom: RandomSource {
    private let generator: Locked<SeededGenerator>

    init(seed: UInt64) { generator = Locked(SeededGenerator(seed: seed)) }

    func bytes(_ count: Int) -> [UInt8] { generator.with { $0.bytes(count) } }
}
