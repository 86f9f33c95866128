import Foundation

/// A real nginx: in front of the service, serving a directory bucket on the service's word, or in front of a bucket, as the
/// end of TLS.
public struct NginxProxy: Sendable {
    /// The port it listens on.
    public let port: UInt16
    private let child: ChildProcess

    /// The program, or nil where it is not installed.
    public static let program = Checkout.tool("nginx")

    /// Starts it before a service on `port`, with `prefix` as its internal location of the bucket's folder.
    ///
    /// Its locations are those of the shipped `scripts/nginx-accel.conf`, with this place's addresses put in.
    public static func start(before service: UInt16, port: UInt16, bucket: String, prefix: String)
        async throws -> NginxProxy
    {
        let folder = try TestFolder()
        let locations = try shippedLocations(replacing: [
            ("http://127.0.0.1:8080", "http://127.0.0.1:\(service)"),
            ("/var/lib/custode/bucket/", bucket + "/"), ("location /custode-internal/", "location \(prefix)"),
        ])
        try locations.write(toFile: folder.path + "/accel.conf", atomically: true, encoding: .utf8)
        return try await start(
            """
            server {
                listen 127.0.0.1:\(port);
                include \(folder.path)/accel.conf;
            }
            """, port: port, in: folder)
    }

    /// Starts it as one end of TLS in front of a server without, with this certificate for a name.
    ///
    /// Requests pass as they are, `Host` included, and bodies are not kept back.
    public static func start(
        endingTLSBefore server: UInt16, port: UInt16, as certificate: TestCertificate
    ) async throws -> NginxProxy {
        try await start(
            """
            server {
                listen 127.0.0.1:\(port) ssl;
                ssl_certificate \(certificate.path);
                ssl_certificate_key \(certificate.keyPath);
                client_max_body_size 0;
                location / {
                    proxy_pass http://127.0.0.1:\(server);
                    proxy_http_version 1.1;
                    proxy_set_header Host $http_host;
                    proxy_set_header Connection "";
                    proxy_request_buffering off;
                    proxy_buffering off;
                }
            }
            """, port: port, in: try TestFolder())
    }

    private static func start(_ server: String, port: UInt16, in folder: TestFolder) async throws -> NginxProxy {
        guard let program else { throw HarnessError("no nginx") }
        let user = ProcessInfo.processInfo.userName
        let configuration = """
            daemon off;
            master_process off;
            user \(user);
            pid \(folder.path)/pid;
            error_log \(folder.path)/error;
            events {}
            http {
                access_log off;
                client_body_temp_path \(folder.path)/body;
                proxy_temp_path \(folder.path)/proxy;
                fastcgi_temp_path \(folder.path)/fastcgi;
                uwsgi_temp_path \(folder.path)/uwsgi;
                scgi_temp_path \(folder.path)/scgi;
                \(server)
            }
            """
        try configuration.write(toFile: folder.path + "/conf", atomically: true, encoding: .utf8)
        let child = try ChildProcess.start(
            program, ["-c", folder.path + "/conf", "-e", folder.path + "/error"],
            environment: Command.environment,
            errors: folder.path + "/errors")
        let isUp = try await eventually {
            if child.status != nil { throw HarnessError("nginx ended: \(folder.text("errors") ?? "")") }
            return (try? await RawConnection.open(port: port)) != nil
        }
        guard isUp else { throw HarnessError("nginx does not listen") }
        return NginxProxy(port: port, child: child)
    }

    private static func shippedLocations(
        replacing places: [(shipped: String, here: String)]
    ) throws -> String {
        var text = try String(contentsOfFile: Checkout.script("nginx-accel.conf"), encoding: .utf8)
        for (shipped, here) in places {
            guard text.contains(shipped) else { throw HarnessError("nginx-accel.conf has no \(shipped)") }
            text = text.replacing(shipped, with: here)
        }
        return text
    }

    /// A client of it.
    public var client: RawClient { RawClient(port: port) }

    /// Ends it.
    public func stop() async throws {
        child.signal(15)
        _ = try await child.end()
    }
}
