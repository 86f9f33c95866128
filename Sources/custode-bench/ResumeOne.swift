import Foundation

/// `tus`: one upload of a large WAV by tus in requests of one size; prints MiB/s.
///
/// The clock runs from the creation to the last answer, so hashing, syncing and publishing count.
struct ResumeOne {
    let upload: TusUpload
    let size: Int
    let chunk: Int

    init(_ arguments: Arguments) throws {
        upload = try TusUpload(arguments)
        size = try arguments.integer("size")
        chunk = try arguments.integer("chunk")
    }

    func callAsFunction() throws {
        let block = Wave.noise(1 << 20)
        let connection = try Connection(to: upload.endpoint)
        let begin = ContinuousClock.now
        let path = try upload.create(connection, job: upload.job, size: size)
        var offset = 0
        while offset < size {
            let count = min(chunk, size - offset)
            try upload.begin(connection, path, at: offset, count: count)
            var left = count
            if offset == 0 {
                try connection.send(Wave.header(total: size))
                left -= 44
            }
            try block.withUnsafeBytes { block in
                while left > 0 {
                    let part = UnsafeRawBufferPointer(rebasing: block.prefix(left))
                    try connection.send(part)
                    left -= part.count
                }
            }
            try upload.expect(204, connection)
            offset += count
        }
        print(
            String(
                format: "mib_per_second=%.1f",
                Double(size) / 1_048_576 / (ContinuousClock.now - begin).inSeconds))
    }
}

/// `tiny`: many uploads by tus of a few bytes each; prints the medians of creation and of a PATCH, in milliseconds.
struct ResumeTiny {
    private static let count = 5

    let upload: TusUpload
    let jobs: [String]

    init(_ arguments: Arguments) throws {
        upload = try TusUpload(arguments)
        jobs = try String(contentsOfFile: arguments.text("jobs"), encoding: .utf8).split(separator: "\n")
            .map(String.init)
    }

    func callAsFunction() throws {
        let connection = try Connection(to: upload.endpoint)
        var creations: [Double] = []
        var patches: [Double] = []
        for job in jobs {
            let begin = ContinuousClock.now
            let path = try upload.create(connection, job: job, size: 1_000)
            let created = ContinuousClock.now
            try upload.begin(connection, path, at: 0, count: Self.count)
            try connection.send(Array(Wave.header(total: 1_000).prefix(Self.count)))
            try upload.expect(204, connection)
            creations.append((created - begin).inSeconds * 1_000)
            patches.append((ContinuousClock.now - created).inSeconds * 1_000)
        }
        print(String(format: "creation_ms=%.3f\npatch_ms=%.3f", Self.median(creations), Self.median(patches)))
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}

/// What both say to the service.
struct TusUpload {
    let endpoint: Endpoint
    let job: String
    let headers: [String]

    init(_ arguments: Arguments) throws {
        endpoint = try Endpoint(arguments.text("url"))
        job = (try? arguments.text("job")) ?? ""
        headers = arguments.all("header") + ["Tus-Resumable: 1.0.0"]
    }

    /// Creates an upload of a job's input and returns its path.
    func create(_ connection: Connection, job: String, size: Int) throws -> String {
        let name = Data(job.utf8).base64EncodedString()
        try connection.send(
            endpoint.requestHead(
                "POST", path: "/v1/uploads",
                headers: headers + [
                    "Upload-Length: \(size)", "Upload-Metadata: job \(name),object aW5wdXQ=", "Content-Length: 0",
                ]))
        let head = try expect(201, connection)
        guard let location = head.location, let slash = location.dropFirst("http://".count).firstIndex(of: "/") else {
            throw BenchError("a creation without Location")
        }
        return String(location[slash...])
    }

    /// Sends the head of a PATCH.
    func begin(_ connection: Connection, _ path: String, at offset: Int, count: Int) throws {
        try connection.send(
            endpoint.requestHead(
                "PATCH", path: path,
                headers: headers + [
                    "Content-Type: application/offset+octet-stream", "Upload-Offset: \(offset)",
                    "Content-Length: \(count)",
                ]))
    }

    @discardableResult
    func expect(_ status: Int, _ connection: Connection) throws -> Connection.Head {
        let head = try connection.readHead()
        let body = String(decoding: try connection.read(head.contentLength), as: UTF8.self)
        guard head.status == status else { throw BenchError("answered \(head.status) \(body)") }
        return head
    }
}
