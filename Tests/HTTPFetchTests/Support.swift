import CustodeTesting
import Glibc
import HTTPFetch
import NIOCore
import Synchronization
import Testing

/// What a script saw, for the test to look at.
final class Notes<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    func add(_ value: Value) { values.withLock { $0.append(value) } }

    var all: [Value] { values.withLock { $0 } }
}

/// Runs a test with a fetcher and a server, both of which end with it.
func withServer(
    _ server: ScriptedServer, budget: Int = 8 * 1_024 * 1_024, _ test: (Fetcher) async throws -> Void
) async throws {
    let fetcher = try Fetcher(budget: budget)
    do {
        try await test(fetcher)
    } catch {
        await fetcher.shutdown()
        server.stop()
        throw error
    }
    await fetcher.shutdown()
    server.stop()
}

/// A request that is given up when the server is silent, so that no test hangs.
func request(_ method: String, _ url: String, body: [UInt8]? = nil, stall: Duration = .seconds(20)) -> FetchRequest {
    var request = FetchRequest(method, url)
    request.stall = stall
    if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
    return request
}

extension Fetcher {
    /// Status and whole body of the reply.
    func whole(_ request: FetchRequest) async throws -> (head: FetchHead, body: [UInt8]) {
        let response = try await fetch(request)
        let body = try await response.body.collect(upTo: 64 * 1_024 * 1_024)
        return (response.head, Array(body.readableBytesView))
    }

    /// How a request fails, in its head or its body; `nil` if it does not.
    func failure(_ request: FetchRequest) async -> FetchError? {
        do {
            _ = try await whole(request)
            return nil
        } catch {
            return error as? FetchError
        }
    }
}

/// An open file without a name.
final class UnnamedFile: Sendable {
    let descriptor: Int32

    init(_ bytes: [UInt8]) {
        var template = Array("/tmp/custode-fetch-XXXXXX".utf8CString)
        descriptor = mkstemp(&template)
        unlink(template)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count <= 0 { break }
            rest = rest.dropFirst(count)
        }
    }

    deinit { close(descriptor) }
}

let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
