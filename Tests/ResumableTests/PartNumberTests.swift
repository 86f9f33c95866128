import CustodeTesting
import Testing

@Suite("The numbers of parts, of which a bucket has so many")
struct PartNumberTests {
    @Test("requests that come to nothing use up no numbers that they did not need", arguments: BucketKind.allCases)
    func givenBack(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let bytes = sound(9_000_000)
        // Each of them may need more than six hundred.
        let upload = try await world.begin(nil, of: job)
        for _ in 0..<10 {
            expectRefusal(try await upload.patch([1], at: 5), 409)
            expectRefusal(try await upload.patch(Array(bytes[..<50_000]), at: 0, ["Upload-Checksum": "sha1 AAAA"]), 460)
        }
        let reply = try await upload.patch(bytes, at: 0, ["Upload-Length": String(bytes.count)])
        #expect(reply.status == 204, "\(reply.summary)")
        try await world.expect(of: job, is: bytes)
    }
}
