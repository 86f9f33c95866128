import Foundation

/// `get`: GETs of a large object, one after the other, into a sink that is not the bottleneck; prints MiB/s.
///
/// The clock runs from the request to the last byte. curl as the sink would measure curl.
struct FetchOne {
    let endpoint: Endpoint
    let times: Int
    let copying: Bool

    init(_ arguments: Arguments) throws {
        endpoint = try Endpoint(arguments.text("url"))
        times = try arguments.integer("times", default: 1)
        copying = !arguments.all("copy").isEmpty
    }

    func callAsFunction() throws {
        let connection = try Connection(to: endpoint)
        let begin = ContinuousClock.now
        var bytes = 0
        for _ in 0..<times {
            try connection.send(endpoint.requestHead("GET", headers: []))
            let head = try connection.readHead()
            guard head.status == 200 else { throw BenchError("GET answered \(head.status)") }
            try connection.discard(head.contentLength, copying: copying)
            bytes += head.contentLength
        }
        let seconds = (ContinuousClock.now - begin).inSeconds
        print("bytes=\(bytes)")
        print(String(format: "mib_per_second=%.1f", Double(bytes) / 1_048_576 / seconds))
    }
}
