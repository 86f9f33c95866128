import CustodeTesting
import Foundation
import Testing

@Suite("I7: a listing that fails in mid-run is no listing", .serialized, .timeLimit(.minutes(3)))
struct S3ListingTests {
    /// What may go wrong with the second page.
    enum Fault: String, CaseIterable, Sendable {
        case halfAnXML, cut, reset, internalError, slowDown, accessDenied, sameToken, noToken, firstPageAgain, empty
        case anotherDocument, lackingSize
    }

    /// A bucket of more than a page, whose orphans come last and would go now.
    private static let setting = Once {
        let (world, proxy) = try await World.behindProxy(
            World.collecting.merging(["CUSTODE_POLICY_COLLECTION_BRAKES_PERCENT": "100"]) { $1 })
        try await world.furnish(1_000)
        let orphans = try await world.plantOrphans(5, of: "zzz")
        try await world.sweep("--now", "+72h")
        return (world: world, proxy: proxy, orphans: orphans)
    }

    private func set(_ fault: Fault, _ proxy: FaultProxy, keys: [String]) {
        let page = "max-keys=1000"
        func rewrite(_ rewrite: ResponseRewrite) {
            // As often as it is asked for, since the service may ask again.
            proxy.rewrite(matching: page, by: rewrite, skipping: 1, times: .max)
        }
        func goOn(at token: String?) -> ResponseRewrite {
            let more = "<IsTruncated>true</IsTruncated>"
            let place = token.map { "<NextContinuationToken>\($0)</NextContinuationToken>" } ?? ""
            return .replacing("<IsTruncated>false</IsTruncated>", with: more + place)
        }
        switch fault {
        case .halfAnXML: rewrite(ResponseRewrite { String($0.prefix($0.count / 2)) })
        case .cut: rewrite(.cut(afterBodyBytes: 700))
        case .reset: rewrite(.cut(afterBodyBytes: 700, .reset))
        case .internalError: proxy.answer(matching: page, with: .s3Error(500, "InternalError"), skipping: 1)
        case .slowDown: proxy.answer(matching: page, with: .s3Error(503, "SlowDown"), skipping: 1)
        case .accessDenied: proxy.answer(matching: page, with: .s3Error(403, "AccessDenied"), skipping: 1)
        // Of the gateway a token is the key that a page ended with.
        case .sameToken: rewrite(goOn(at: keys[999]))
        case .noToken: rewrite(goOn(at: nil))
        case .firstPageAgain:
            let (first, other) = (keys[1_001].replacing("/", with: "%2F"), keys[1].replacing("/", with: "%2F"))
            rewrite(.replacing(first, with: other))
        case .empty: rewrite(.text(""))
        case .anotherDocument: rewrite(.text("<html><body>Sign in to the network</body></html>"))
        case .lackingSize: rewrite(ResponseRewrite { $0.replacing("<Size>", with: "<Bytes>") })
        }
    }

    @Test("nothing goes, nothing is counted as seen: exit 3, brake listing", arguments: Fault.allCases)
    func fault(fault: Fault) async throws {
        let (world, proxy, orphans) = try await Self.setting.value()
        // One of them is the bucket's mark.
        let keys = try await world.objects.keys()
        #expect(keys.count == 1_006 && Set(keys.suffix(5)) == Set(orphans.keys))
        let before = try await world.standing()
        set(fault, proxy, keys: keys)
        proxy.forgetRequests()
        let outcome = try await world.gc("--now", "+93h")
        try proxy.clear()
        expectBlocked(outcome, by: "listing")
        #expect(outcome.errors.contains(fault == .sameToken ? "does not advance" : "listed to its end"), "\(outcome)")
        #expect(proxy.count(matching: "max-keys=1000") > 1, "\(proxy.requestLines)")
        #expect(proxy.changes == [])
        #expect(try await world.standing() == before)
    }

    @Test("once the listing is whole again the next run does what was due")
    func afterwards() async throws {
        let proxy = try FaultProxy(to: try await PrivateRGW.shared().port)
        let world = try await World.startOnS3(settings: World.swift, endpoint: proxy.url)
        try await world.furnish(1)
        let orphans = try await world.plantOrphans(5)
        // The bucket tells the time to the second, by which what is new would be too young.
        try await world.sweep("--now", "+1m")
        proxy.answer(matching: "max-keys=1000", with: .s3Error(500, "InternalError"))
        expectBlocked(try await world.gc(), by: "listing")
        try proxy.clear()
        // Two failures in passing are no failure.
        proxy.answer(matching: "max-keys=1000", with: .s3Error(503, "SlowDown"), times: 2)
        let outcome = try await world.sweep("--now", "+2m")
        #expect(outcome["quarantined"] == 5, "\(outcome)")
        let trash = try await world.quarantine()
        #expect(Set(trash.keys) == Set(orphans.keys))
        try await world.close()
    }
}
