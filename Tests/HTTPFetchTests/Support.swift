import CustodeTesting
import Foundation
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

/// What the system says of this process.
enum ThisProcess {
    /// How many descriptors are open, but for the timers that the runtime makes when it likes.
    static func descriptors() throws -> Int {
        let files = FileManager.default
        return try files.contentsOfDirectory(atPath: "/proc/self/fd").count { name in
            let target = try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)
            return target != nil && target != "anon_inode:[timerfd]"
        }
    }

    /// How many bytes of memory are resident.
    static func memory() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return (Int(text.split(separator: " ")[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    }
}

/// A port that listens, and takes no connection: its queue is full.
final class FullListener: Sendable {
    let url: String
    private let descriptors: [Int32]

    init() throws {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let listener = socket(AF_INET, kind, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let length = size
        var all = [listener]
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = bind(listener, address, length)
                _ = listen(listener, 0)
                getsockname(listener, address, &size)
                for _ in 1...4 {
                    let client = socket(AF_INET, kind | Int32(SOCK_NONBLOCK.rawValue), 0)
                    _ = connect(client, address, length)
                    all.append(client)
                }
            }
        }
        descriptors = all
        url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))/"
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}
