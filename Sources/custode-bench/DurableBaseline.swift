import Foundation
import Glibc

/// `baseline`: the syncs and the commits of a durable PUT and nothing else: no HTTP, no hash, no sniffing.
///
/// Per object: an intent is committed; an unnamed file is written, synced and linked into a folder of its own;
/// the folders are synced; the row, the reference and the end of the intent are committed together. Prints
/// objects per second. These steps are those of `DirectoryUpload`, `DurableDirectories` and `custode.publish`.
struct DurableBaseline {
    let database: String
    let root: String
    let threads: Int
    let objects: Int
    let size: Int

    init(_ arguments: Arguments) throws {
        database = try arguments.text("database")
        root = try arguments.text("root")
        threads = try arguments.integer("threads", default: 16)
        objects = try arguments.integer("objects")
        size = try arguments.integer("size")
    }

    func callAsFunction() throws {
        let admin = try DatabaseConnection(database)
        try admin.run(Self.schema)
        try admin.run("insert into bench.jobs select from generate_series(1, \(objects))")
        let jobs = try admin.column("select id from bench.jobs")
        try admin.run("checkpoint")
        let folder = try Folder(root)
        let body = Wave.file(size)
        let turns = Turns(objects)
        let (_, elapsed) = try Gang.run(
            threads,
            prepare: { [database] _ in
                let connection = try DatabaseConnection(database)
                try connection.prepare(
                    "begin", "insert into bench.intents values ($1, $2, $3, now() + interval '1 hour')")
                try connection.prepare("publish", "select bench.publish($1, $2, $3, $4, $5, $6)")
                return connection
            },
            work: { connection in
                while let turn = turns.take() {
                    let job = jobs[turn]
                    let intent = String(turn)
                    let key = "users/bench/jobs/\(job)/input/original.wav"
                    try connection.execute("begin", [intent, key, job])
                    try folder.store(body, job: job)
                    let digest = String(repeating: "a", count: 64)
                    try connection.execute("publish", [intent, key, job, "\(body.count)", digest, digest])
                }
            })
        try admin.run("drop schema bench cascade")
        print(String(format: "per_second=%.1f", Double(objects) / elapsed.inSeconds))
    }

    private static let schema = """
        set client_min_messages = warning;
        drop schema if exists bench cascade;
        create schema bench;
        create table bench.jobs (id uuid primary key default gen_random_uuid(), input_ref text);
        create table bench.intents (id bigint primary key, key text collate "C" not null unique,
            job_id text not null, lease_until timestamptz not null);
        create index on bench.intents (lease_until);
        create table bench.objects (key text collate "C" primary key, job_id text not null,
            size bigint not null, sha256 text not null, etag text not null,
            created_at timestamptz not null default now());
        create index on bench.objects (job_id);
        create function bench.publish(intent bigint, key text, job uuid, size bigint, sha256 text, etag text)
        returns void language sql as $$
            insert into bench.objects values ($2, $3::text, $4, $5, $6);
            update bench.jobs set input_ref = $2 where id = $3;
            delete from bench.intents where id = $1;
        $$;
        """

    /// The directory side: a crash leaves an object whole or absent.
    private struct Folder: Sendable {
        // O_TMPFILE, which the importer does not understand.
        private static let unnamed: Int32 = 0o20_000_000 | O_DIRECTORY

        private let root: String
        private let jobs: String

        init(_ root: String) throws(BenchError) {
            self.root = root
            jobs = root + "/users/bench/jobs"
            for path in ["", "/users", "/users/bench", "/users/bench/jobs"] {
                guard mkdir(root + path, 0o700) == 0 || errno == EEXIST else { throw .system("mkdir") }
            }
        }

        func store(_ body: [UInt8], job: String) throws(BenchError) {
            let file = open(root, O_RDWR | O_CLOEXEC | Self.unnamed, 0o600)
            guard file >= 0 else { throw .system("open") }
            defer { close(file) }
            guard write(file, body, body.count) == body.count else { throw .system("write") }
            guard fsync(file) == 0 else { throw .system("fsync") }
            let job = "\(jobs)/\(job)"
            let input = "\(job)/input"
            guard mkdir(job, 0o700) == 0, mkdir(input, 0o700) == 0 else { throw .system("mkdir") }
            let name = "\(input)/original.wav"
            guard linkat(AT_FDCWD, "/proc/self/fd/\(file)", AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 else {
                throw .system("link")
            }
            for path in [input, job, jobs] { try Self.sync(path) }
        }

        private static func sync(_ path: String) throws(BenchError) {
            let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard directory >= 0 else { throw .system("open") }
            defer { close(directory) }
            guard fsync(directory) == 0 else { throw .system("fsync") }
        }
    }
}
