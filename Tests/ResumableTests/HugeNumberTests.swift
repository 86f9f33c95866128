import CustodeTesting
import Testing

@Suite("Numbers that no upload has")
struct HugeNumberTests {
    @Test(
        "an append that ends beyond all numbers is refused, and the service lives",
        arguments: [("5000", "9223372036854775807"), ("9223372036854775807", "1")])
    func sums(offset: String, count: String) async throws {
        let world = try await World.start()
        for isOver in [false, true] {
            let job = try await world.newJob()
            let begun = try await world.send(
                "PUT", job.path("input"), headers: ["Upload-Complete": "?0"], body: .bytes(sound(5_000)))
            let upload = try world.upload(begun)
            if isOver { #expect(try await upload.append([], at: 5_000, complete: true).status == 201) }
            let connection = try await RawConnection.open(port: upload.client.port)
            let fields: HeaderList = [
                "Content-Type": "application/partial-upload", "Upload-Offset": offset, "Upload-Complete": "?1",
                "Content-Length": count,
            ]
            try await connection.send(
                upload.client.head("PATCH", upload.target, headers: upload.credentials + fields, body: .raw([])))
            let reply = try await connection.read(to: "PATCH", within: .seconds(5))
            #expect([400, 409, 413].contains(reply.status), "\(reply.summary)")
            #expect(try await upload.head([:]).header("Upload-Offset") == "5000")
        }
    }
}
