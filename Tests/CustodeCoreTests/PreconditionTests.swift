import Testing

@testable import CustodeCore

@Suite("conditions on an object's state (RFC 9110 §13)")
struct PreconditionTests {
    private static let record = Sample.record([1, 2, 3], at: Timestamp(microseconds: 1_000_000_500_000))
    private static let tag = record.etag.text
    private static let modified = Timestamp(seconds: 1_000_000)
    private static let before = Timestamp(seconds: 999_999)

    typealias Tags = Precondition.Tags

    private static func condition(
        match: Tags? = nil, noneMatch: Tags? = nil, since: Timestamp? = nil, unmodified: Timestamp? = nil
    ) -> Precondition {
        var condition = Precondition()
        condition.ifMatch = match
        condition.ifNoneMatch = noneMatch
        condition.ifModifiedSince = since
        condition.ifUnmodifiedSince = unmodified
        return condition
    }

    static let readings: [(Precondition, Precondition.ReadVerdict)] = [
        (condition(), .proceed),
        (condition(match: .any), .proceed),
        (condition(match: .listed([tag])), .proceed),
        (condition(match: .listed(["\"x\"", tag])), .proceed),
        (condition(match: .listed(["\"x\""])), .failed),
        (condition(match: .listed(["W/" + tag])), .failed),
        (condition(match: .listed(["\"x\""]), unmodified: modified), .failed),
        (condition(match: .listed([tag]), unmodified: before), .proceed),
        (condition(unmodified: modified), .proceed),
        (condition(unmodified: before), .failed),
        (condition(unmodified: Timestamp(seconds: 2_000_000)), .proceed),
        (condition(noneMatch: .any), .notModified),
        (condition(noneMatch: .listed([tag])), .notModified),
        (condition(noneMatch: .listed(["W/" + tag])), .notModified),
        (condition(noneMatch: .listed(["\"x\"", "W/\"y\"", tag])), .notModified),
        (condition(noneMatch: .listed(["\"x\""])), .proceed),
        (condition(noneMatch: .listed(["\"x\""]), since: modified), .proceed),
        (condition(noneMatch: .listed([tag]), since: before), .notModified),
        (condition(since: modified), .notModified),
        (condition(since: Timestamp(seconds: 2_000_000)), .notModified),
        (condition(since: before), .proceed),
        (condition(match: .listed(["\"x\""]), noneMatch: .listed([tag])), .failed),
        (condition(match: .any, noneMatch: .any), .notModified),
        (condition(match: .listed([tag]), since: modified), .notModified),
        (condition(since: modified, unmodified: before), .failed),
    ]

    @Test("a reader's conditions are weighed in the order of RFC 9110 §13.2.2", arguments: readings.indices)
    func reading(index: Int) {
        let (condition, verdict) = Self.readings[index]
        #expect(condition.forReading(Self.record.etag, modified: Self.record.createdAt) == verdict)
    }

    private func writing(_ condition: Precondition, over current: ObjectRecord?) -> Result<
        Publication.Expectation, Refusal
    > {
        Result { () throws(Refusal) in try condition.forWriting(over: current) }
    }

    @Test("without a condition an object that is there is not replaced")
    func plainPut() {
        #expect(writing(Precondition(), over: nil) == .success(.absent))
        #expect(writing(Precondition(), over: Self.record) == .failure(.exists(Self.record)))
    }

    @Test("If-Match replaces what it names, and 412 if that is absent or changed; weak tags never match")
    func ifMatch() {
        let failed = Refusal.preconditionFailed(current: Self.record.etag)
        #expect(
            writing(Self.condition(match: .listed([Self.tag])), over: Self.record)
                == .success(.matches(Self.record.etag)))
        #expect(writing(Self.condition(match: .any), over: Self.record) == .success(.matches(Self.record.etag)))
        #expect(writing(Self.condition(match: .listed(["\"x\""])), over: Self.record) == .failure(failed))
        #expect(writing(Self.condition(match: .listed(["W/" + Self.tag])), over: Self.record) == .failure(failed))
        for tags in [Tags.any, .listed([Self.tag])] {
            #expect(writing(Self.condition(match: tags), over: nil) == .failure(.preconditionFailed(current: nil)))
        }
    }

    @Test("If-None-Match: * on an existing object is 412, and lets a new one be")
    func ifNoneMatch() {
        let failed = Refusal.preconditionFailed(current: Self.record.etag)
        #expect(writing(Self.condition(noneMatch: .any), over: nil) == .success(.absent))
        #expect(writing(Self.condition(noneMatch: .any), over: Self.record) == .failure(failed))
        #expect(writing(Self.condition(noneMatch: .listed([Self.tag])), over: Self.record) == .failure(failed))
        #expect(writing(Self.condition(noneMatch: .listed(["W/" + Self.tag])), over: Self.record) == .failure(failed))
        #expect(
            writing(Self.condition(noneMatch: .listed(["\"x\""])), over: Self.record) == .failure(.exists(Self.record)))
    }

    @Test("If-Match and If-None-Match must both hold")
    func bothOnWriting() {
        let failed = Refusal.preconditionFailed(current: Self.record.etag)
        let tag = Tags.listed([Self.tag])
        #expect(writing(Self.condition(match: tag, noneMatch: tag), over: Self.record) == .failure(failed))
        #expect(writing(Self.condition(match: tag, noneMatch: .any), over: Self.record) == .failure(failed))
        #expect(
            writing(Self.condition(match: tag, noneMatch: .listed(["\"x\""])), over: Self.record)
                == .success(.matches(Self.record.etag)))
    }

    @Test(
        "lists of entity tags are read, weak ones with their prefix, commas inside quotes and empty members too",
        arguments: [
            ("*", Tags.any), (" *", .any), ("* ", .any), ("\"a\"", .listed(["\"a\""])), ("\"\"", .listed(["\"\""])),
            ("W/\"a\"", .listed(["W/\"a\""])), ("\"a\", \"b\"", .listed(["\"a\"", "\"b\""])),
            ("\"a\",\"b\"", .listed(["\"a\"", "\"b\""])), ("\"a\" ,\t\"b\" ", .listed(["\"a\"", "\"b\""])),
            ("\"a,b\"", .listed(["\"a,b\""])), (", ,\"a\",,", .listed(["\"a\""])),
            ("\"a\",W/\"b\",\"c\"", .listed(["\"a\"", "W/\"b\"", "\"c\""])),
        ])
    func tags(field: String, tags: Tags) {
        #expect(Tags(field) == tags)
    }

    @Test(
        "what is neither * nor a list of entity tags is not read",
        arguments: [
            "", " ", ",", "a", "'a'", "\"a", "a\"", "\"a\"b", "\"a\" \"b\"", "w/\"a\"", "W/ \"a\"", "W/a", "W/", "**",
            "*, \"a\"", "\"a\", *", "\"a\";q=1", "\u{201C}a\u{201D}",
        ])
    func notTags(field: String) {
        #expect(Tags(field) == nil)
    }
}
