import Foundation
import Glibc
import Synchronization

extension TestDatabase {
    /// A connection that outlasts a statement, so that a test can hold what the service wants.
    public final class Session: Sendable {
        private let child: ChildProcess
        private let folder: TestFolder
        private let pipe: Int32
        private let statements = Atomic(0)

        fileprivate init(uri: String) throws {
            folder = try TestFolder()
            let input = folder.path + "/in"
            guard mkfifo(input, 0o600) == 0 else { throw HarnessError.system("mkfifo", errno) }
            // Opened both ways: for writing alone it would wait for the reader.
            pipe = open(input, O_RDWR | O_CLOEXEC)
            guard pipe >= 0 else { throw HarnessError.system("open \(input)", errno) }
            child = try ChildProcess.start(
                TestDatabase.client, ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", uri],
                environment: Command.environment, output: folder.path + "/out", errors: folder.path + "/err",
                input: input)
        }

        deinit {
            close(pipe)
            child.signal(SIGTERM)
            folder.remove()
        }

        /// Runs one statement or several, without the last semicolon, and returns when they are done.
        ///
        /// Throws what the server says.
        public func run(_ statement: String) async throws {
            let number = statements.add(1, ordering: .relaxed).newValue
            try write("\(statement);\nselect 'done \(number)';\n")
            let isDone = try await eventually(within: .seconds(30)) { [self] in
                if let status = child.status {
                    throw HarnessError("psql ended with \(status): \(folder.text("err") ?? "")")
                }
                return folder.text("out")?.contains("done \(number)\n") ?? false
            }
            guard isDone else { throw HarnessError("not done in time: \(statement)") }
        }

        /// Undoes the transaction that is open and disconnects.
        public func end() async throws {
            try write("rollback;\n\\q\n")
            _ = try await child.end()
        }

        private func write(_ text: String) throws {
            let bytes = Array(text.utf8)
            guard Glibc.write(pipe, bytes, bytes.count) == bytes.count else {
                throw HarnessError.system("write to psql", errno)
            }
        }
    }

    /// Opens a session; what it has open when it goes is undone.
    public func session() throws -> Session {
        try Session(uri: uri)
    }

    /// How many connections of this database wait for a lock that another one holds.
    public func waiters() async throws -> Int {
        let count = try await value(
            """
            select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'
            """)
        return Int(count ?? "") ?? 0
    }
}
