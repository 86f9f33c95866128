import Foundation
import Glibc

/// `uploads`: many large PUTs at once, each offering as much as the server takes, for the server's memory.
///
/// After `--budget` bytes in all (the bucket's room is finite) each goes on slowly until `--seconds` are over,
/// then all are dropped in mid body. Fails if any was answered before: they were not all in flight.
struct HoldUploads {
    let endpoint: Endpoint
    let paths: [String]
    let size: Int
    let seconds: Int
    let budget: Int
    let headers: [String]

    init(_ arguments: Arguments) throws {
        endpoint = try Endpoint(arguments.text("url"))
        paths = try String(contentsOfFile: arguments.text("paths"), encoding: .utf8)
            .split(separator: "\n").map(String.init)
        size = try arguments.integer("size")
        seconds = try arguments.integer("seconds")
        budget = try arguments.integer("budget")
        headers = arguments.all("header")
    }

    func callAsFunction() throws {
        let noise = Wave.noise(1 << 20)
        let preamble = Wave.header(total: size)
        var polls: [pollfd] = []
        defer { for poll in polls { close(poll.fd) } }
        for path in paths {
            let socket = try endpoint.connect()
            polls.append(pollfd(fd: socket, events: Int16(POLLIN | POLLOUT), revents: 0))
            let head = endpoint.requestHead("PUT", path: path, headers: headers + ["Content-Length: \(size)"])
            let opening = head + preamble
            guard send(socket, opening, opening.count, Int32(MSG_NOSIGNAL)) == opening.count else {
                throw BenchError.system("send")
            }
        }
        var sent = 0
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            let flowing = sent < budget
            for index in polls.indices { polls[index].events = Int16(flowing ? POLLIN | POLLOUT : POLLIN) }
            guard poll(&polls, nfds_t(polls.count), 1000) >= 0 else { throw BenchError.system("poll") }
            for poll in polls {
                guard poll.revents & ~Int16(POLLOUT) == 0 else { throw answered(poll.fd) }
                guard !flowing || poll.revents & Int16(POLLOUT) != 0 else { continue }
                let count = flowing ? noise.count : 16 << 10
                let taken = send(
                    poll.fd, noise, count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
                guard taken >= 0 || errno == EAGAIN else { throw answered(poll.fd) }
                sent += max(0, taken)
            }
        }
        print("in_flight=\(polls.count)")
        print("mib_sent=\(sent >> 20)")
    }

    private func answered(_ socket: Int32) -> BenchError {
        var bytes = [UInt8](repeating: 0, count: 2048)
        let count = max(0, recv(socket, &bytes, bytes.count, Int32(MSG_DONTWAIT)))
        return BenchError("an upload was answered: \(String(decoding: bytes.prefix(count), as: UTF8.self))")
    }
}
