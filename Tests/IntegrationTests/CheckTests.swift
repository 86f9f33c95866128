import CustodeTesting
import Foundation
import Testing

@Suite("The mistakes of a first deployment: check finds each, and says how to mend it", .serialized)
struct CheckTests {
    private static let world = Once { try await World.start() }

    /// Expects a check to be wrong, and to say so in these words.
    private static func expectWrong(
        _ name: String, _ words: String, _ report: CheckReport, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(report.status == 1, "\(report.text)", sourceLocation: sourceLocation)
        #expect(report.checks[name]?.ok == false, "\(report.text)", sourceLocation: sourceLocation)
        #expect(
            report.checks[name]?.detail.contains(words) == true, "\(report.text)", sourceLocation: sourceLocation)
    }

    /// Expects a check to warn in these words, which is no failure.
    private static func expectDoubt(
        _ name: String, _ words: String, _ report: CheckReport, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(report.checks[name]?.ok == true, "\(report.text)", sourceLocation: sourceLocation)
        #expect(
            report.checks[name]?.detail.contains(words) == true, "\(report.text)", sourceLocation: sourceLocation)
        #expect(report.text.contains("\"warning\":true"), sourceLocation: sourceLocation)
    }

    @Test("a world in which all is well: exit 0, and what may be doubted is a warning")
    func well() async throws {
        let report = try await Self.world.value().check()
        #expect(report.status == 0, "\(report.text)")
        for name in [
            "settings", "database", "primary", "schema", "grants", "row security", "triggers", "clock", "bucket",
            "identity", "link keys", "service keys", "public url", "admin listener", "open files",
        ] {
            #expect(report.checks[name]?.ok == true, "\(name): \(report.text)")
        }
        Self.expectDoubt("collection", "custode gc has never run", report)
        let text = try await Self.world.value().service.run("check")
        #expect(text.status == 0)
        #expect(text.output.contains("warn collection: ") && text.output.contains("ok   schema: "), "\(text.output)")
        #expect(!text.output.contains(PrivatePostgres.password))
    }

    @Test(
        "settings that are misspelt, malformed or contradict one another: all of them at once",
        arguments: [
            (["CUSTODE_BUCKTE": "file:///x"], "CUSTODE_BUCKTE"),
            (["CUSTODE_LISTEN": "8080"], "CUSTODE_LISTEN: 8080 is not"),
            (["CUSTODE_DATABASE_URL": "host=localhost"], "not a libpq URI"),
            (["CUSTODE_BUCKET": "/srv/bucket"], "CUSTODE_BUCKET: /srv/bucket is none of"),
            (["CUSTODE_POLICY": "/nonexistent.yaml"], "/nonexistent.yaml"),
            (["CUSTODE_POLICY_LINKS_MAX_TTL": "ten"], "CUSTODE_POLICY_LINKS_MAX_TTL: ten is not"),
            (["CUSTODE_PUBLIC_URL": "files.example.com"], "CUSTODE_PUBLIC_URL"),
            (["CUSTODE_DELIVERY": "redirect"], "CUSTODE_DELIVERY: redirect goes with S3"),
            (["CUSTODE_CORS_ORIGINS": "app.example.com"], "CUSTODE_CORS_ORIGINS"),
            (["CUSTODE_POLICY_RATES_USER_BURST": "5"], "rates.user.burst: bounds nothing"),
        ])
    func settings(settings: [String: String], words: String) async throws {
        let outcome = try await Self.world.value().service.run(["check"], settings: settings)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }

    @Test("a database that is not there, of another name, or not the SaaS's")
    func database() async throws {
        let world = try await Self.world.value()
        let away = ["CUSTODE_DATABASE_URL": "postgresql://custode@127.0.0.1:\(try FreePort.pick())/custode"]
        Self.expectWrong("database", "does it run there", try await world.check(away))
        let host = ["CUSTODE_DATABASE_URL": "postgresql://custode@no-such-host.invalid/custode"]
        Self.expectWrong("database", "no such host", try await world.check(host))
        let name = ["CUSTODE_DATABASE_URL": world.database.uri.replacing(/\/[^\/]*$/, with: "/nothing")]
        Self.expectWrong("database", "check the names in CUSTODE_DATABASE_URL", try await world.check(name))
        let empty = try await PrivatePostgres.shared().createDatabase()
        Self.expectWrong(
            "schema", "custode schema install", try await world.check(["CUSTODE_DATABASE_URL": empty.uri]))
        let installed = try await world.service.run(
            ["schema", "install"], settings: ["CUSTODE_DATABASE_URL": empty.uri])
        #expect(installed.status == 1 && installed.errors.contains("jobs.id is not there"), "\(installed.errors)")
    }

    @Test("a wrong password, and none")
    func password() async throws {
        let world = try await Self.world.value()
        let role = "strict_\(UUID().uuidString.prefix(8).lowercased())"
        try await world.database.sql("create role \(role) login password 'right'")
        // The server's rules are its file's first lines that fit.
        try await world.database.sql(
            """
            do $$ begin
                execute format('copy (select %L) to program %L', 'host all \(role) all scram-sha-256',
                    format('cat - %1$s > %1$s.new && cat %1$s.new > %1$s', current_setting('hba_file')));
            end $$;
            select pg_reload_conf();
            """)
        let uri = { @Sendable (password: String) in
            let address = world.database.uri.split(separator: "@").last ?? ""
            return ["CUSTODE_DATABASE_URL": "postgresql://\(role)\(password)@\(address)"]
        }
        let refused = { @Sendable in try await world.check(uri(":wrong")).checks["database"]?.ok == false }
        #expect(try await eventually { try await refused() })
        Self.expectWrong("database", "the password is wrong", try await world.check(uri(":wrong")))
        Self.expectWrong("database", "the password is wrong or missing", try await world.check(uri("")))
        #expect(try await world.check(uri(":right")).checks["database"]?.ok == true)
    }

    @Test("a standby, which takes no writes")
    func standby() async throws {
        let cluster = try await PrivatePostgres.start()
        let world = try await World.start(cluster: cluster)
        let copy = try await cluster.standby()
        let settings = ["CUSTODE_DATABASE_URL": copy.database(like: world.database).uri]
        Self.expectWrong("primary", "this server is a replica", try await world.check(settings))
        try await world.close()
    }

    @Test("hidden rows, missing triggers, missing rights on the SaaS's tables")
    func tables() async throws {
        let world = try await World.start()
        let narrow = ["CUSTODE_DATABASE_URL": try await world.narrowURI()]
        #expect(try await world.check(narrow).status == 0)
        try await world.database.sql("alter table jobs enable row level security")
        Self.expectWrong("row security", "whose objects would look abandoned", try await world.check(narrow))
        try await world.database.sql("alter table jobs disable row level security")
        try await world.database.sql(
            """
            do $$ declare t record; begin
                for t in select tgname from pg_trigger where tgrelid = 'jobs'::regclass and tgname like 'custode%' loop
                    execute format('alter table jobs disable trigger %I', t.tgname);
                end loop;
            end $$
            """)
        Self.expectDoubt("triggers", "run custode schema install as the owner", try await world.check(narrow))
        let role = try #require(URLComponents(string: narrow["CUSTODE_DATABASE_URL"] ?? "")?.user)
        try await world.database.sql("revoke update (input_ref) on jobs from \(role)")
        Self.expectWrong("grants", "the role may not use jobs as it must", try await world.check(narrow))
        try await world.close()
    }

    @Test("a pooler's port in the place of the server's")
    func pooler() async throws {
        let world = try await Self.world.value()
        let port = try #require(URLComponents(string: world.database.uri)?.port)
        let forward = """
            import socket, threading
            s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", 6543)); s.listen()
            def pump(a, b):
                try:
                    while True:
                        d = a.recv(65536)
                        if not d: break
                        b.sendall(d)
                finally: b.close()
            while True:
                a, _ = s.accept(); b = socket.create_connection(("127.0.0.1", \(port)))
                for x, y in ((a, b), (b, a)): threading.Thread(target=pump, args=(x, y), daemon=True).start()
            """
        let child = try ChildProcess.start(
            try #require(Checkout.tool("python3")), ["-c", forward], environment: Command.environment)
        let settings = ["CUSTODE_DATABASE_URL": world.database.uri.replacing(":\(port)/", with: ":6543/")]
        #expect(try await eventually { try await world.check(settings).checks["database"]?.ok == true })
        Self.expectDoubt("database", "Custode needs sessions", try await world.check(settings))
        child.signal(9)
        _ = try await child.end(within: .seconds(10))
    }

    @Test("a bucket's folder that is not there, is a file, is open to everybody, or is of another environment")
    func bucket() async throws {
        let world = try await Self.world.value()
        let folder = try TestFolder()
        defer { folder.remove() }
        Self.expectWrong(
            "bucket", "nowhere", try await world.check(["CUSTODE_BUCKET": "file://\(folder.path)/nowhere"]))
        try "x".write(toFile: folder.path + "/file", atomically: true, encoding: .utf8)
        Self.expectWrong("bucket", "file", try await world.check(["CUSTODE_BUCKET": "file://\(folder.path)/file"]))
        chmod(world.bucket, 0o755)
        Self.expectDoubt("bucket folder", "chmod o= ", try await world.check())
        chmod(world.bucket, 0o750)
        #expect(try await world.check().checks["bucket folder"]?.detail.contains("alone") == true)
        Self.expectWrong("identity", "staging", try await world.check(["CUSTODE_ENVIRONMENT": "staging"]))
    }

    @Test("a disk that is nearly full")
    func room() async throws {
        let world = try await Self.world.value()
        let folder = try TestFolder()
        try await Command.succeed("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.path])
        try Data(count: 1_000_000).write(to: URL(filePath: folder.path + "/fill"))
        let report = try await world.check(["CUSTODE_BUCKET": "file://" + folder.path])
        try await Command.succeed("/usr/bin/umount", [folder.path])
        folder.remove()
        Self.expectDoubt("bucket room", "uploads are refused with 507", report)
    }

    @Test("key files that others may read or write, that hold a key itself, or no key")
    func keys() async throws {
        let world = try await World.prepare()
        #expect(try await world.service.run("schema", "install").status == 0)
        #expect(try await world.check().status == 0)
        let ring = try #require(world.service.settings["CUSTODE_STATE_DIR"]) + "/link-keys.json"
        chmod(ring, 0o644)
        Self.expectWrong("link keys", "chmod 600", try await world.check())
        chmod(ring, 0o600)
        let file = try #require(world.service.settings["CUSTODE_SERVICE_KEYS"])
        chmod(file, 0o622)
        Self.expectWrong("service keys", "chmod o-w", try await world.check())
        chmod(file, 0o600)
        try "\(world.bothKey.text)\n".write(toFile: file, atomically: true, encoding: .utf8)
        let pasted = try await world.check()
        Self.expectWrong("service keys", "this is a key itself", pasted)
        #expect(!pasted.text.contains(world.bothKey.text))
        try "\n# none\n".write(toFile: file, atomically: true, encoding: .utf8)
        Self.expectWrong("service keys", "run custode service-key new", try await world.check())
        Self.expectWrong(
            "service keys", "cannot read", try await world.check(["CUSTODE_SERVICE_KEYS": "/nonexistent"]))
    }

    @Test("links that nobody can open, or anybody on the way, and metrics for everybody")
    func addresses() async throws {
        let world = try await Self.world.value()
        Self.expectDoubt(
            "public url", "which nobody else can open", try await world.check(["CUSTODE_LISTEN": "0.0.0.0:8080"]))
        Self.expectDoubt(
            "public url", "make it https", try await world.check(["CUSTODE_PUBLIC_URL": "http://files.example.com"]))
        Self.expectDoubt(
            "admin listener", "listen on 127.0.0.1", try await world.check(["CUSTODE_ADMIN_LISTEN": "0.0.0.0:9090"]))
        let sound = try await world.check([
            "CUSTODE_LISTEN": "0.0.0.0:8080", "CUSTODE_PUBLIC_URL": "https://files.example.com",
        ])
        #expect(sound.checks["public url"]?.detail == "links begin with https://files.example.com")
    }

    @Test("a limit on open files that leaves few connections")
    func files() async throws {
        let world = try await Self.world.value()
        let outcome = try await Command.run(
            try #require(Checkout.tool("prlimit")), ["--nofile=600:600", Checkout.binary, "check"],
            environment: Command.environment.merging(world.service.settings) { $1 })
        #expect(outcome.output.contains("warn open files: "), "\(outcome.output)")
        #expect(outcome.output.contains("LimitNOFILE="))
    }

    @Test("collection that does not run, or is held")
    func collection() async throws {
        let world = try await World.start()
        Self.expectDoubt("collection", "enable custode-gc.timer", try await world.check())
        #expect(try await world.service.run("gc", "--json").status == 0)
        #expect(try await world.check().checks["collection"]?.detail.contains("custode gc ran 0 hours ago") == true)
        try await world.database.sql(
            "update custode.gc_runs set finished_at = finished_at - interval '5 days', started_at = started_at - interval '5 days'"
        )
        Self.expectDoubt("collection", "last ran 5 days ago", try await world.check())
        try await world.close()
    }
}
