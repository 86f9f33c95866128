import CustodeTesting
import Testing

@Suite("What requests that failed leave behind")
struct LeftoverTests {
    @Test("bytes of a wrong checksum are gone at once, however often they come", arguments: BucketKind.allCases)
    func checksum(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let bytes = sound(9_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        for _ in 0..<3 {
            expectRefusal(try await upload.patch(bytes, at: 0, ["Upload-Checksum": "sha1 AAAA"]), 460)
            #expect(try await world.kept(of: upload, job).isEmpty)
        }
        #expect(try await upload.patch(Array(bytes[..<100_000]), at: 0).status == 204)
        expectRefusal(
            try await upload.patch(Array(bytes[100_000...]), at: 100_000, ["Upload-Checksum": "sha1 AAAA"]), 460)
        #expect(try await upload.patch(Array(bytes[100_000...]), at: 100_000).status == 204)
        try await world.expect(of: job, is: bytes)
    }
}
