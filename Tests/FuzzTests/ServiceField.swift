import CustodeTesting
import Foundation
import Glibc
import Synchronization

/// A service with what alice has in it, and what bob may use to get at it.
final class ServiceField: Sendable {
    let world: World
    private let job: TestJob
    private let sound = Sample.wav(samples: 1_234, seed: 77)
    private let text = Array("What alice said is nobody else's: \(String(repeating: "secret ", count: 300))".utf8)
    private let upload: String
    private let offset: String
    private let marks: [(name: String, bytes: [UInt8])]
    private let names = Mutex<[String: [UInt8]]>([:])

    private static let tus: HeaderList = ["Tus-Resumable": "1.0.0"]

    /// Starts the service, with a job of alice's that has an input, a transcript, and an upload under way.
    static func prepare() async throws -> ServiceField {
        // Bob's uploads stay open; that he may begin no more would spoil the rest.
        let field = try await ServiceField(
            World.start(settings: ["CUSTODE_POLICY_UPLOADS_MAX_OPEN_PER_USER": "1000000"]))
        try await field.renew()
        return field
    }

    private init(_ world: World) async throws {
        self.world = world
        job = try await world.newJob()
        var marks = [(name: "sound", bytes: Array(sound[1_000..<1_024])), ("text", Array("nobody else's".utf8))]
        let name: HeaderList = ["Content-Disposition": "attachment; filename=\"alices-own.wav\""]
        for stored in [
            try await world.store("input", of: job, sound, type: "audio/wav", headers: name),
            try await world.store("transcript", of: job, text),
        ] {
            for member in ["etag", "sha256", "key"] {
                guard let mark = stored[member].string else { throw HarnessError("no \(member): \(stored)") }
                marks.append((member, Array(mark.utf8)))
            }
        }
        marks += [
            ("name", Array("alices-own".utf8)), ("size", Array("/\(sound.count)\r\n".utf8)),
            ("key", Array("users/\(world.alice)".utf8)),
        ]
        self.marks = marks
        let other = try await world.newJob()
        let begun = try await Self.begin(world, other, Array(sound[..<700]), length: sound.count, as: .alice)
        (upload, offset) = (begun, "700")
    }

    private static func begin(
        _ world: World, _ job: TestJob, _ bytes: [UInt8], length: Int, as caller: Caller
    ) async throws -> String {
        let metadata = "job \(Data(job.id.utf8).base64EncodedString()),object aW5wdXQ="
        let reply = try await world.send(
            "POST", "/v1/uploads", as: caller,
            headers: tus + [
                "Upload-Length": String(length), "Upload-Metadata": metadata,
                "Content-Type": "application/offset+octet-stream",
            ], body: .bytes(bytes))
        guard reply.status == 201, let location = reply.header("Location") else { throw HarnessError(reply.summary) }
        return try World.target(of: location)
    }

    /// Gives bob a job, links and an upload, new ones: what he had he may have spoilt.
    func renew() async throws {
        let mine = try await world.newJob(for: world.bob)
        let other = try await world.newJob(for: world.bob)
        _ = try await world.store("input", of: mine, Sample.wav(samples: 50), type: "audio/wav")
        let download = try await world.link("input", of: mine, ["ttl_seconds": 900])
        let upload = try await world.link("input", of: mine, ["operation": "upload", "ttl_seconds": 900])
        let begun = try await Self.begin(world, other, Array(Sample.wav()[..<700]), length: 2_044, as: .bob)
        let credentials = world.credentials(of: .bob).fields.map { "\($0.name): \($0.value)\r\n" }.joined()
        let token = { (target: String) in String(target.split(separator: "/")[1]) }
        let base64 = { (text: String) in Data(text.utf8).base64EncodedString() }
        let values: [String: String] = [
            "alice-job": job.id, "alice-job-64": base64(job.id), "alice-upload": self.upload, "bob": credentials,
            "alice-upload-id": String(self.upload.split(separator: "/").last ?? ""), "bob-job": mine.id,
            "bob-job-64": base64(mine.id), "bob-upload": begun, "download": token(download), "upload": token(upload),
        ]
        names.withLock { names in
            names = values.mapValues { Array($0.utf8) }
            names["sound"] = Sample.wav(samples: 60, seed: 5)
        }
    }

    /// A request with what its names stand for; `{length}` is that of what follows its head.
    func filled(_ template: [UInt8]) -> [UInt8] {
        let names = names.withLock(\.self)
        var bytes: [UInt8] = []
        var rest = template[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "{"), let end = rest.prefix(20).firstIndex(of: UInt8(ascii: "}")),
                let value = names[String(decoding: rest[..<end], as: UTF8.self)]
            {
                bytes += value
                rest = rest[(end + 1)...]
            } else {
                bytes.append(byte)
            }
        }
        let length = Array("{length}".utf8)
        guard let blank = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return bytes }
        let count = Array(String(bytes.count - blank.upperBound).utf8)
        while let place = bytes.firstRange(of: length) { bytes.replaceSubrange(place, with: count) }
        return bytes
    }

    /// What of alice's stands in a reply.
    func leak(in reply: [UInt8]) -> String? { marks.first { reply.firstRange(of: $0.bytes) != nil }?.name }

    /// Throws unless alice's own requests show what is hers.
    func checkMarks() async throws {
        for (object, mark) in [("input", "sound"), ("transcript", "text")] {
            let request = world.service.client.head("GET", job.path(object), headers: world.credentials(of: .alice))
            let reply = try await exchange(request)
            try hold(leak(in: reply) == mark, "alice's \(object) is known by its bytes")
        }
    }

    /// Sends bytes on a connection of their own and returns what comes back, until it closes or falls silent.
    func exchange(_ bytes: [UInt8]) async throws -> [UInt8] {
        let port = world.service.port
        return try await offPool {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { throw HarnessError("socket: errno \(errno)") }
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let isConnected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard isConnected == 0 else { throw HarnessError("nobody listens at \(port): errno \(errno)") }
            _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            var reply: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                // Half a request has no reply, and nobody knows which are whole.
                var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&request, 1, reply.isEmpty ? 250 : 10) > 0 else { return reply }
                let count = recv(descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { return reply }
                reply += buffer[..<count]
            }
        }
    }

    /// Throws unless the service is well and all of alice's is as it was.
    func checkUnmoved() async throws {
        try hold(try await world.service.isReady(), "it is ready")
        let log = world.service.log
        let line = log.split(separator: "\n").first {
            $0.contains("internal") || $0.contains("Fatal error") || $0.contains("\"status\":500")
                || $0.contains("status=500")
        }
        try hold(line == nil, "nothing went wrong inside: \(line ?? "")")
        for (object, bytes) in [("input", sound), ("transcript", text)] {
            let reply = try await world.get(object, of: job)
            try hold(reply.status == 200 && reply.body == bytes, "alice's \(object) is as it was: \(reply.summary)")
        }
        let head = try await world.send("HEAD", upload, headers: Self.tus)
        try hold(head.header("Upload-Offset") == offset, "alice's upload is where it was: \(head.summary)")
        let rest = try await world.send(
            "PATCH", upload,
            headers: Self.tus + ["Content-Type": "application/offset+octet-stream", "Upload-Offset": offset],
            body: .bytes(Array(sound[700...])))
        try hold(rest.status == 204, "alice's upload goes on: \(rest.summary)")
        let job = try await world.jobWithInput()
        try hold(try await world.get("input", of: job).body == Sample.wav(), "whoever comes next is served")
    }
}
