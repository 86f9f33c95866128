import Foundation
import Glibc

/// `legacy`: makes small sound files from before, `{n / 1000}/{n}.wav`.
///
/// Prints how many.
struct PlantLegacy {
    let root: String
    let count: Int
    let size: Int

    init(_ arguments: Arguments) throws {
        root = try arguments.text("root")
        count = try arguments.integer("count")
        size = try arguments.integer("size")
    }

    func callAsFunction() throws {
        var body = Wave.file(size)
        try makeFolder(root)
        for number in 1...count {
            if number == 1 || number % 1000 == 0 { try makeFolder("\(root)/\(number / 1000)") }
            // No two alike.
            for (place, byte) in withUnsafeBytes(of: UInt64(number), Array.init).enumerated() {
                body[body.count - 8 + place] = byte
            }
            let file = open("\(root)/\(number / 1000)/\(number).wav", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
            guard file >= 0 else { throw BenchError.system("open") }
            defer { close(file) }
            guard write(file, body, body.count) == body.count else { throw BenchError.system("write") }
        }
        print("files=\(count)")
    }

    private func makeFolder(_ path: String) throws(BenchError) {
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw .system("mkdir") }
    }
}
