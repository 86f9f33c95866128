/// A certificate that its own key has signed, in a folder of its own.
public struct TestCertificate: Sendable {
    /// The file with the certificate (PEM), by which it can be trusted.
    public let path: String
    /// The file with its key.
    public let keyPath: String

    /// Makes one for a name such as `IP:127.0.0.1`, good for a day from now, or from a moment such as `2020-01-01`.
    public static func make(for name: String = "IP:127.0.0.1", from moment: String? = nil) async throws
        -> TestCertificate
    {
        let folder = try TestFolder()
        let certificate = TestCertificate(path: folder.path + "/cert.pem", keyPath: folder.path + "/key.pem")
        let command =
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-subj", "/CN=custode test", "-addext", "subjectAltName=" + name, "-days", "1", "-keyout",
                certificate.keyPath, "-out", certificate.path,
            ]
        let all = (moment.map { ["faketime", $0] } ?? []) + command
        guard let program = Checkout.tool(all[0]) else { throw HarnessError("no \(all[0])") }
        try await Command.succeed(program, Array(all.dropFirst()))
        return certificate
    }
}
