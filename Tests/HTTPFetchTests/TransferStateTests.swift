import NIOCore
import Testing

@testable import HTTPFetch

@Suite("what is known of a transfer")
struct TransferStateTests {
    /// A reply that has come as a whole and waits for its reader.
    private func complete() -> TransferState {
        var state = TransferState()
        for line in ["HTTP/1.1 200 OK", "Content-Length: 3", ""] { state.take(headerLine: line[...]).perform() }
        [1, 2, 3].withUnsafeBytes { state.take($0, mark: 100).1.perform() }
        state.end(.success(())).perform()
        return state
    }

    private func bytes(_ state: inout TransferState) async -> Result<ByteBuffer?, FetchError> {
        var copy = state
        let result = await withCheckedContinuation { copy.askForBytes($0).1.perform() }
        state = copy
        return result
    }

    @Test("a reply given up before it was read is no short one")
    func abandoned() async {
        var state = complete()
        state.abandon().perform()
        #expect(await bytes(&state) == .failure(FetchError(.cancelled, "the request was given up")))
        let head = await withCheckedContinuation { state.askForHead($0).perform() }
        #expect(throws: FetchError.self) { try head.get() }
    }

    @Test("a reply given up after all was read is as whole as before")
    func read() async throws {
        var state = complete()
        #expect(try await bytes(&state).get()?.readableBytes == 3 * MemoryLayout<Int>.size)
        state.abandon().perform()
        #expect(try await bytes(&state).get() == nil)
    }

    @Test("bytes that came before a failure are read before it is told")
    func failed() async throws {
        var state = TransferState()
        for line in ["HTTP/1.1 200 OK", ""] { state.take(headerLine: line[...]).perform() }
        [1].withUnsafeBytes { state.take($0, mark: 100).1.perform() }
        state.end(.failure(FetchError(.broken, "cut"))).perform()
        #expect(try await bytes(&state).get() != nil)
        #expect(await bytes(&state) == .failure(FetchError(.broken, "cut")))
    }

    @Test("bytes beyond the mark are for later, unless somebody waits for them")
    func mark() async {
        var state = TransferState()
        for line in ["HTTP/1.1 200 OK", ""] { state.take(headerLine: line[...]).perform() }
        let piece = [UInt8](repeating: 7, count: 10)
        let verdicts = (1...3).map { _ in piece.withUnsafeBytes { state.take($0, mark: 15).0 } }
        #expect(verdicts == [.taken, .taken, .later])
        #expect(state.isPaused)
        _ = await bytes(&state)
        #expect(!state.isPaused)
        #expect(piece.withUnsafeBytes { state.take($0, mark: 15).0 } == .taken)
    }
}
