import CustodeTesting
import Foundation
import Glibc

/// The input under way, in a file: a process that crashes leaves it there.
final class FuzzJournal {
    private let descriptor: Int32
    private let path: String

    /// Where the input of a target lies.
    static func path(of target: String) -> String { Checkout.root + "/.local/fuzz/\(target).input" }

    /// Opens the file.
    init(_ target: String) throws {
        path = Self.path(of: target)
        try FileManager.default.createDirectory(
            atPath: Checkout.root + "/.local/fuzz", withIntermediateDirectories: true)
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw HarnessError("\(path) cannot be opened: errno \(errno)") }
    }

    deinit { close(descriptor) }

    /// Writes an input over the last one.
    func note(_ bytes: [UInt8]) throws {
        guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count, ftruncate(descriptor, bytes.count) == 0 else {
            throw HarnessError("\(path) cannot be written: errno \(errno)")
        }
    }

    /// Removes the file of a target that came through.
    func remove() { unlink(path) }

    /// Bytes as a literal of Swift has them, or the first few thousand of them.
    static func escaped(_ bytes: [UInt8]) -> String {
        var text = "\""
        for byte in bytes.prefix(3_000) {
            switch byte {
            case 0x22, 0x5C: text += "\\" + String(Unicode.Scalar(byte))
            case 0x20..<0x7F: text += String(Unicode.Scalar(byte))
            default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return text + (bytes.count > 3_000 ? "\" …" : "\"")
    }
}
