import Foundation
import UnixSignals

/// Long work that Ctrl-C or SIGTERM ends cleanly.
enum Interruptible {
    /// Runs work that is cancelled by the first signal; the second ends the process.
    static func run<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
        try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask { try await work() }
            let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
            group.addTask {
                for await _ in signals { return nil }
                return nil
            }
            var isInterrupted = false
            while let result = try await group.next() {
                if let value = result {
                    group.cancelAll()
                    return value
                }
                if Task.isCancelled || isInterrupted { break }
                isInterrupted = true
                complain("stopping; once more ends it at once")
                group.cancelAll()
                group.addTask {
                    // The work stops where nothing is half done, which may take a moment.
                    for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { Foundation.exit(130) }
                    return nil
                }
            }
            throw CancellationError()
        }
    }

    /// Tells something that is not the command's output.
    static func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
