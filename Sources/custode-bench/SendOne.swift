import Foundation

/// `put`: one PUT of a large WAV from memory in big writes; prints MiB/s.
///
/// The clock runs from the request to the answer, so hashing, syncing and publishing count.
struct SendOne {
    let endpoint: Endpoint
    let size: Int
    let headers: [String]

    init(_ arguments: Arguments) throws {
        endpoint = try Endpoint(arguments.text("url"))
        size = try arguments.integer("size")
        headers = arguments.all("header")
    }

    func callAsFunction() throws {
        let block = Wave.noise(1 << 20)
        let connection = try Connection(to: endpoint)
        let begin = ContinuousClock.now
        do {
            try connection.send(
                endpoint.requestHead("PUT", headers: headers + ["Content-Length: \(size)"])
                    + Wave.header(total: size))
            try block.withUnsafeBytes { block in
                var left = size - 44
                while left > 0 {
                    let part = UnsafeRawBufferPointer(rebasing: block.prefix(left))
                    try connection.send(part)
                    left -= part.count
                }
            }
        } catch {
            // A server that refuses early closes its side; its answer says more than EPIPE.
            FileHandle.standardError.write(Data("PUT: \(error)\n".utf8))
        }
        let head = try connection.readHead()
        let seconds = (ContinuousClock.now - begin).inSeconds
        guard (200...204).contains(head.status) else {
            let body = String(decoding: try connection.read(head.contentLength), as: UTF8.self)
            throw BenchError("PUT answered \(head.status) \(body)")
        }
        print(String(format: "mib_per_second=%.1f", Double(size) / 1_048_576 / seconds))
    }
}
