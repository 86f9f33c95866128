import CustodeTesting
import Foundation
import Testing

@Suite("The private Ceph", .enabled(if: PrivateRGW.isAvailable))
struct PrivateRGWTests {
    private static let curl = Checkout.tool("curl") ?? "/usr/bin/curl"

    /// Sends a signed request and returns the status.
    private func send(_ method: String, _ url: String, as user: PrivateRGW.User) async throws -> String {
        try await Command.succeed(
            Self.curl,
            [
                "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method,
                "--aws-sigv4", "aws:amz:\(PrivateRGW.region):s3", "--user", "\(user.accessKey):\(user.secretKey)",
                // curl 7.88 leaves out what RGW insists on.
                "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", url,
            ])
    }

    @Test("one user makes a bucket, and the other may not look into it")
    func bucket() async throws {
        let endpoint = try await PrivateRGW.shared().endpoint
        let url = endpoint + "/" + PrivateRGW.newBucketName()
        #expect(try await send("PUT", url, as: PrivateRGW.custode) == "200")
        #expect(try await send("GET", url, as: PrivateRGW.custode) == "200")
        #expect(try await send("GET", url, as: PrivateRGW.other) == "403")
    }

    @Test("a gateway that was killed comes back on its port with what it held")
    func restart() async throws {
        let ceph = try await PrivateRGW.start()
        let url = ceph.endpoint + "/" + PrivateRGW.newBucketName()
        #expect(try await send("PUT", url, as: PrivateRGW.custode) == "200")
        try await ceph.killGateway()
        await #expect(throws: HarnessError.self) { try await RawConnection.open(port: ceph.port) }
        try await ceph.restartGateway()
        #expect(try await send("GET", url, as: PrivateRGW.custode) == "200")
        try await ceph.stop()
    }
}
