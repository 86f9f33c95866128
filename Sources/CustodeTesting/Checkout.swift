import Foundation

/// Where the parts under test lie: scripts, policies and the binary, found from this file's own place.
public enum Checkout {
    /// The package's root folder, without a trailing slash.
    public static let root: String = {
        var url = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { url.deleteLastPathComponent() }
        return url.path
    }()

    /// The `custode` to test: `CUSTODE_BINARY` in the environment, else the package's debug build.
    public static let binary: String =
        ProcessInfo.processInfo.environment["CUSTODE_BINARY"] ?? root + "/.build/debug/custode"

    /// The policy file that ships with the service.
    public static let policy = root + "/policies/storage.yaml"

    /// The path of a script of the package.
    public static func script(_ name: String) -> String {
        root + "/scripts/" + name
    }

    /// The first of the usual folders that holds an executable of this name, or nil.
    public static func tool(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin"]
        return (folders + path.split(separator: ":").map(String.init)).map { $0 + "/" + name }.first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }

    /// Whether the tests that take many seconds each are to be left out (`CUSTODE_TEST_FAST`).
    public static let isFastRun: Bool = {
        let value = ProcessInfo.processInfo.environment["CUSTODE_TEST_FAST"] ?? ""
        return !["", "0", "false", "no"].contains(value)
    }()
}
