/// A throwaway Postgres cluster of the tests' own, made by `scripts/postgres`.
public struct PrivatePostgres: Sendable {
    /// The libpq URI of the cluster's first database.
    public let uri: String

    /// A password that every URI carries and no server asks for: it must not turn up anywhere.
    public static let password = "correct-horse-battery-staple"

    private let folder: TestFolder
    private let isDurable: Bool
    private static let single = Once { try await start(isDurable: false) }
    private static let names = Once { Names() }

    /// The cluster that most tests share: one per test process, started on first use.
    public static func shared() async throws -> PrivatePostgres {
        try await single.value()
    }

    /// Starts a cluster for one test that wants to stop it; the reaper removes it at the latest.
    ///
    /// One that is not durable is faster, and a crash loses what it committed last.
    public static func start(isDurable: Bool = true) async throws -> PrivatePostgres {
        let folder = try TestFolder()
        Reaper.shared.stop(cluster: folder.path)
        let uri = try await script(["start", folder.path], isDurable: isDurable)
        return PrivatePostgres(
            uri: uri.replacing("custode@", with: "custode:\(password)@"), folder: folder, isDurable: isDurable
        )
    }

    /// Starts a hot standby of this cluster, which the reaper removes at the latest.
    public func standby() async throws -> PrivatePostgres {
        let copy = try TestFolder()
        Reaper.shared.stop(cluster: copy.path)
        let uri = try await Self.script(["standby", copy.path, folder.path], isDurable: isDurable)
        return PrivatePostgres(uri: uri, folder: copy, isDurable: isDurable)
    }

    /// The same database of another cluster, such as a standby.
    public func database(like other: TestDatabase) -> TestDatabase {
        let name = other.uri.split(separator: "/").last.map(String.init) ?? ""
        return TestDatabase(uri: Self.replacingDatabase(of: uri, by: name))
    }

    /// Stops the server; `immediate` is as good as a crash.
    public func stop(immediate: Bool = false) async throws {
        _ = try await Self.script(
            ["stop", folder.path] + (immediate ? ["immediate"] : []), isDurable: isDurable)
    }

    /// Starts the server again on the port it had.
    public func startAgain() async throws {
        _ = try await Self.script(["start", folder.path], isDurable: isDurable)
    }

    /// Makes an empty database.
    public func createDatabase() async throws -> TestDatabase {
        let name = try await Self.names.value().next()
        try await administer("create database \(name)")
        return TestDatabase(uri: Self.replacingDatabase(of: uri, by: name))
    }

    /// Makes a database that holds the SaaS's tables and nothing else, with ids of this type.
    public func createSaaSDatabase(ids: IDKind = .uuid) async throws -> TestDatabase {
        let database = try await createDatabase()
        try await Command.succeed(
            TestDatabase.client,
            [
                "-X", "-q", "-o", "/dev/null", "-v", "id=\(ids.rawValue)", "-f",
                Checkout.script("saas-schema.sql"),
                "-d", database.uri,
            ])
        return database
    }

    /// Runs SQL in the cluster's maintenance database.
    private func administer(_ sql: String) async throws {
        let maintenance = TestDatabase(uri: Self.replacingDatabase(of: uri, by: "postgres"))
        // Two at once fail over their template now and then: "being accessed by other users".
        for _ in 0..<20 {
            do {
                _ = try await maintenance.sql(sql)
                return
            } catch let error as HarnessError where error.description.contains("being accessed") {
                try await ContinuousClock().sleep(for: .milliseconds(100))
            }
        }
        _ = try await maintenance.sql(sql)
    }

    private static func replacingDatabase(of uri: String, by name: String) -> String {
        let slash = uri.lastIndex(of: "/") ?? uri.endIndex
        return uri[..<slash] + "/" + name
    }

    private static func script(_ arguments: [String], isDurable: Bool) async throws -> String {
        var environment = Command.environment
        environment["CUSTODE_TEST_PG_FSYNC"] = isDurable ? "on" : "off"
        let output = try await Command.succeed(
            "/bin/bash", [Checkout.script("postgres")] + arguments, environment: environment,
            within: .seconds(120))
        return output.split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
    }

    private actor Names {
        private var count = 0
        func next() -> String {
            count += 1
            return "fixture_\(count)"
        }
    }
}
