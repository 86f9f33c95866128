import Foundation

/// `puts`: small PUTs over keep-alive connections, each to the next path of a file; prints PUTs per second.
struct SendMany {
    let endpoint: Endpoint
    let paths: [String]
    let connections: Int
    let size: Int
    let headers: [String]

    init(_ arguments: Arguments) throws {
        endpoint = try Endpoint(arguments.text("url"))
        paths = try String(contentsOfFile: arguments.text("paths"), encoding: .utf8)
            .split(separator: "\n").map(String.init)
        connections = try arguments.integer("connections", default: 16)
        size = try arguments.integer("size")
        headers = arguments.all("header")
    }

    func callAsFunction() throws {
        let body = Wave.file(size)
        let turns = Turns(paths.count)
        let (latencies, elapsed) = try Gang.run(
            connections,
            prepare: { [endpoint] _ in try Connection(to: endpoint) },
            work: { [endpoint, paths, headers] connection in
                var latencies: [Double] = []
                while let turn = turns.take() {
                    let head = endpoint.requestHead(
                        "PUT", path: paths[turn], headers: headers + ["Content-Length: \(body.count)"])
                    let begin = ContinuousClock.now
                    try connection.send(head + body)
                    let reply = try connection.readHead()
                    let answer = try connection.read(reply.contentLength)
                    guard (200...204).contains(reply.status) else {
                        let answer = String(decoding: answer, as: UTF8.self)
                        throw BenchError("PUT \(paths[turn]) answered \(reply.status) \(answer)")
                    }
                    latencies.append((ContinuousClock.now - begin).inSeconds)
                }
                return latencies
            })
        let sorted = latencies.flatMap { $0 }.sorted()
        print(String(format: "per_second=%.1f", Double(sorted.count) / elapsed.inSeconds))
        print(String(format: "p50_ms=%.1f", percentile(sorted, 0.5) * 1000))
        print(String(format: "p99_ms=%.1f", percentile(sorted, 0.99) * 1000))
    }

    private func percentile(_ sorted: [Double], _ share: Double) -> Double {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
}
