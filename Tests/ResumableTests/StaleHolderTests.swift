import CustodeTesting
import Foundation
import Testing

@Suite("Requests that others have passed over while they slept")
struct StaleHolderTests {
    @Test(
        "one that was let in, slept, and was passed over takes no byte away that another was told is kept",
        arguments: BucketKind.allCases)
    func letIn(kind: BucketKind) async throws {
        let world = try await kind.world()
        let second = try world.replica(kind == .directory ? ["CUSTODE_BUCKET": "file://" + world.bucket] : [:])
        try await second.start()
        let job = try await world.newJob()
        let bytes = sound(300_000)
        let upload = try await world.begin(bytes.count, of: job)
        #expect(try await upload.patch(Array(bytes[..<100_000]), at: 0).status == 204)
        // It holds the upload once it gives leave to send; none of its bytes has come by then.
        let sleeper = try await RawConnection.open(port: second.port)
        let fields: HeaderList = [
            "Content-Type": "application/offset+octet-stream", "Upload-Offset": "100000", "Content-Length": "100000",
            "Expect": "100-continue",
        ]
        let head = upload.by(second).client.head(
            "PATCH", upload.target, headers: upload.credentials + tus + fields, body: .raw([]))
        try await sleeper.send(head)
        #expect(try await sleeper.readInterim(within: .seconds(5)) == 100)
        second.signal(SIGSTOP)
        try await sleeper.send([UInt8](repeating: 0x55, count: 100_000))
        #expect(try await upload.patch(Array(bytes[100_000..<200_000]), at: 100_000).status == 204)
        second.signal(SIGCONT)
        #expect(try await sleeper.isClosed(within: .seconds(10)))
        #expect(try await upload.offset() == 200_000)
        #expect(try await upload.patch(Array(bytes[200_000...]), at: 200_000).status == 204)
        try await world.expect(of: job, is: bytes)
        try await second.terminate()
    }
}
