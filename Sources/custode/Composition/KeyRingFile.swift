import CustodeCore
import Foundation
import Identity

/// The link key ring on disk: JSON, readable by its owner alone, replaced as a whole.
struct KeyRingFile {
    let path: String

    /// Why the file cannot be used.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private struct Stored: Codable {
        struct Key: Codable {
            let id: UInt16
            let secret: String
            let state: String
            let createdAt: Int64

            enum CodingKeys: String, CodingKey {
                case id, secret, state
                case createdAt = "created_at"
            }
        }
        let keys: [Key]
    }

    /// Reads the ring, making one if there is no file; of several that start at once all get the same.
    func loadOrCreate(random: any RandomSource, now: Timestamp) throws -> KeyRing {
        if !FileManager.default.fileExists(atPath: path) {
            let fresh = KeyRing(random: random, now: now)
            let temporary = try write(fresh)
            defer { unsafe unlink(temporary) }
            // Unlike a renaming, a link does not replace a ring that another process made meanwhile.
            guard unsafe link(temporary, path) == 0 || errno == EEXIST else { throw fault("make") }
            try syncDirectory()
        }
        return try load()
    }

    /// Reads the ring.
    func load() throws -> KeyRing {
        var facts = stat()
        guard unsafe stat(path, &facts) == 0 else { throw fault("find") }
        guard facts.st_mode & 0o077 == 0 else {
            throw Fault(description: "\(path) can be read by others; run: chmod 600 \(path)")
        }
        guard let data = FileManager.default.contents(atPath: path) else { throw fault("read") }
        guard let stored = try? JSONDecoder().decode(Stored.self, from: data) else {
            throw Fault(description: "\(path) is not a link key ring")
        }
        let keys = try stored.keys.map { key in
            guard let state = KeyRing.State(rawValue: key.state), let secret = Base64URL.decode(key.secret) else {
                throw Fault(description: "\(path): key \(key.id) cannot be read")
            }
            return KeyRing.Key(
                id: key.id, secret: secret, state: state, createdAt: Timestamp(seconds: key.createdAt))
        }
        guard let ring = KeyRing(keys: keys) else {
            throw Fault(description: "\(path): exactly one key must be active, and no number twice")
        }
        return ring
    }

    /// Changes the ring; of several changes at once each sees what the one before it left.
    func change(_ body: (inout KeyRing) throws -> Void) throws {
        let lock = unsafe open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw fault("lock") }
        defer { close(lock) }
        guard flock(lock, LOCK_EX) == 0 else { throw fault("lock") }
        var ring = try load()
        try body(&ring)
        try save(ring)
    }

    private func save(_ ring: KeyRing) throws {
        let temporary = try write(ring)
        guard unsafe rename(temporary, path) == 0 else {
            unsafe unlink(temporary)
            throw fault("replace")
        }
        try syncDirectory()
    }

    private func write(_ ring: KeyRing) throws -> String {
        let directory = URL(filePath: path).deletingLastPathComponent()
        try? FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let stored = Stored(
            keys: ring.keys.map { key in
                Stored.Key(
                    id: key.id, secret: Base64URL.encode(key.secret), state: key.state.rawValue,
                    createdAt: key.createdAt.seconds)
            })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let bytes = [UInt8](try encoder.encode(stored)) + [0x0A]
        let temporary = "\(path).\(Hex.encode(SystemRandom().bytes(8))).tmp"
        let file = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw fault("write") }
        defer { close(file) }
        let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        guard written == bytes.count, fsync(file) == 0 else { throw fault("write") }
        return temporary
    }

    private func syncDirectory() throws {
        let directory = unsafe open(
            URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false),
            O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw fault("sync") }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw fault("sync") }
    }

    private func fault(_ verb: String) -> Fault {
        Fault(
            description: unsafe "cannot \(verb) the link key ring \(path): \(String(cString: strerror(errno))); "
                + "set CUSTODE_STATE_DIR or CUSTODE_LINK_KEYS to where this user may write")
    }
}
