import CustodeCore
import Foundation
import Synchronization

/// Shows how far long work has come: one line with rate and remaining time on a terminal, a line now and then elsewhere.
final class ProgressLine: Sendable {
    private struct State {
        var phase: CollectionProgress.Phase?
        var begun = ContinuousClock.now
        var shown: ContinuousClock.Instant?
        var hasLine = false
    }

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let isSilent: Bool
    private let state = Mutex(State())

    /// - Parameter isSilent: Shows nothing where there is no terminal: the output is a machine's.
    init(isSilent: Bool) { self.isSilent = isSilent }

    /// Takes a point on the way, which is shown if it is time for that.
    func show(_ progress: CollectionProgress) {
        guard isTerminal || !isSilent else { return }
        let line = state.withLock { state -> String? in
            let now = ContinuousClock.now
            if state.phase != progress.phase {
                state.phase = progress.phase
                state.begun = now
                state.shown = nil
            }
            let every = isTerminal ? Duration.milliseconds(100) : .seconds(10)
            if let shown = state.shown, now - shown < every { return nil }
            // What is done before anybody could read it needs no line.
            if !isTerminal, now - state.begun < every { return nil }
            state.shown = now
            state.hasLine = isTerminal
            return Self.text(progress, now - state.begun)
        }
        guard let line else { return }
        write(isTerminal ? "\r\u{1B}[K\(line)" : "\(line)\n")
    }

    /// Clears the line.
    func finish() {
        if state.withLock({ $0.hasLine }) { write("\r\u{1B}[K") }
    }

    static func text(_ progress: CollectionProgress, _ spent: Duration) -> String {
        let seconds = Double(spent.components.seconds) + Double(spent.components.attoseconds) / 1e18
        let rate = seconds > 0.2 ? Double(progress.done) / seconds : nil
        var text = "\(progress.phase.rawValue) \(progress.done)"
        if let total = progress.total, total > 0 {
            let share = min(1, Double(progress.done) / Double(total))
            let filled = Int(share * 20)
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled)
            text += " of \(total) [\(bar)] \(Int(share * 100)) %"
        }
        text += " objects"
        if progress.bytes > 0 { text += ", \(progress.bytes >> 20) MiB" }
        if let rate {
            text += ", \(Int(rate))/s"
            if let total = progress.total, rate > 0, total > progress.done {
                text += ", \(Int(Double(total - progress.done) / rate)) s left"
            }
        }
        return text
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
