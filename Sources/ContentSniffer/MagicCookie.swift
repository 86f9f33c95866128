internal import CLibMagic
internal import Glibc

/// One loaded libmagic handle.
///
/// A handle serves one thread at a time: two threads on one crash the process.
struct MagicCookie: ~Copyable {
    private let handle: magic_t

    /// How many bytes are ever looked at.
    static let prefixLength = 4096

    // With the tests for text on, 16 KiB of newlines take half a second; the parsers of compound
    // documents, ELF and archives are where its vulnerabilities were.
    private static let flags =
        MAGIC_MIME_TYPE | MAGIC_NO_CHECK_TEXT | MAGIC_NO_CHECK_ENCODING | MAGIC_NO_CHECK_TOKENS
        | MAGIC_NO_CHECK_CSV | MAGIC_NO_CHECK_JSON | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR
        | MAGIC_NO_CHECK_CDF | MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_APPTYPE

    /// Opens and loads a handle; not to be called from two threads at a time.
    init(databasePath: String?) throws(SnifferError) {
        guard let handle = magic_open(Self.flags) else {
            throw SnifferError(.unavailable, "magic_open: \(String(cString: strerror(errno)))")
        }
        var limit = Self.prefixLength
        let path = databasePath ?? Self.installedDatabase
        guard magic_load(handle, path) == 0,
            magic_setparam(handle, MAGIC_PARAM_BYTES_MAX, &limit) == 0
        else {
            let detail = Self.lastError(of: handle)
            magic_close(handle)
            throw SnifferError(.unavailable, "\(path ?? "the default database"): \(detail)")
        }
        self.handle = handle
    }

    deinit { magic_close(handle) }

    /// The media type that these bytes look like.
    borrowing func mimeType(of prefix: [UInt8]) -> Result<String, SnifferError> {
        let answer = prefix.withUnsafeBytes { bytes in
            magic_buffer(handle, bytes.baseAddress, min(bytes.count, Self.prefixLength))
        }
        guard let answer else { return .failure(SnifferError(.failed, Self.lastError(of: handle))) }
        return .success(String(cString: answer))
    }

    // Naming the file spares libmagic's own search, which is not safe against other threads.
    private static let installedDatabase: String? = ["/usr/share/misc/magic.mgc", "/usr/lib/file/magic.mgc"]
        .first { (path: String) in access(path, R_OK) == 0 }

    private static func lastError(of handle: magic_t) -> String {
        magic_error(handle).map { String(cString: $0) } ?? "no reason given"
    }
}
