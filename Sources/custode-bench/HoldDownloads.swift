import Foundation
import Glibc

/// `downloads`: many readers of one large object, each 1 KiB a second through a small window, for the server's
/// memory.
struct HoldDownloads {
    let endpoint: Endpoint
    let connections: Int
    let seconds: Int

    init(_ arguments: Arguments) throws {
        endpoint = try Endpoint(arguments.text("url"))
        connections = try arguments.integer("connections")
        seconds = try arguments.integer("seconds")
    }

    func callAsFunction() throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let request = endpoint.requestHead("GET", headers: [])
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        for _ in 0..<connections {
            let socket = try endpoint.connect(receiveBuffer: 4096)
            sockets.append(socket)
            guard send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
                throw BenchError.system("send")
            }
        }
        var buffer = [UInt8](repeating: 0, count: 1024)
        var taken = 0
        let begin = ContinuousClock.now
        for second in 1...seconds {
            for socket in sockets {
                let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                guard count > 0 || (count < 0 && errno == EAGAIN) else {
                    throw BenchError("a download ended after \(second) s")
                }
                if taken < buffer.count, count > 0, !buffer.starts(with: "HTTP/1.1 200".utf8) {
                    throw BenchError(String(decoding: buffer.prefix(count), as: UTF8.self))
                }
                taken += max(0, count)
            }
            let rest = begin + .seconds(second) - ContinuousClock.now
            if rest > .zero { usleep(UInt32(rest.inSeconds * 1e6)) }
        }
        print("open=\(sockets.count)")
        print("kib_read=\(taken >> 10)")
    }
}
