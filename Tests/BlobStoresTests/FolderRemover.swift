import Foundation
import Glibc
import Synchronization

/// A thread that removes every empty folder below another, over and over, until it is told to stop.
final class FolderRemover: Sendable {
    private let isStopping = Atomic(false)
    private let removed = Atomic(0)
    private let ended = DispatchSemaphore(value: 0)

    init(_ root: String) {
        Thread.detachNewThread { [self] in
            while !isStopping.load(ordering: .relaxed) { sweep(root) }
            ended.signal()
        }
    }

    /// How many folders it has removed.
    var count: Int { removed.load(ordering: .relaxed) }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        ended.wait()
    }

    private func sweep(_ path: String) {
        guard let directory = opendir(path) else { return }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard entry.pointee.d_type == UInt8(DT_DIR), name != ".", name != ".." else { continue }
            sweep(path + "/" + name)
            if rmdir(path + "/" + name) == 0 { removed.wrappingAdd(1, ordering: .relaxed) }
        }
    }
}
