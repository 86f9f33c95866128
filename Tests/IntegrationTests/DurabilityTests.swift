import CustodeTesting
import Foundation
import Testing

@Suite("What was acknowledged outlasts a crash", .serialized)
struct DurabilityTests {
    /// The folders synced to disk before the service began to answer 201.
    private static func syncedBeforeReply(_ lines: [Substring]) throws -> Set<Substring> {
        let answer = try #require(lines.firstIndex { $0.contains("HTTP/1.1 201") })
        var synced: Set<Substring> = []
        var unfinished: [Substring: Substring] = [:]
        for line in lines[..<answer] {
            // Of several threads one is told to be in the call, and only a later line that it came back.
            let thread = line.prefix { $0 != " " }
            if let folder = line.firstMatch(of: /sync\(\d+<([^>]*)>/)?.1 {
                if line.hasSuffix(" = 0") { synced.insert(folder) } else { unfinished[thread] = folder }
            } else if line.contains("sync resumed"), line.hasSuffix(" = 0") {
                if let folder = unfinished.removeValue(forKey: thread) { synced.insert(folder) }
            }
        }
        return synced
    }

    @Test(
        "a folder that was removed and is made again is synced in its parent again before the 201",
        arguments: ["", "/jobs"])
    func removedFolder(below: String) async throws {
        let world = try await World.start()
        let user = "/users/" + World.encode(world.alice)
        _ = try await world.store("transcript", of: try await world.newJob(), Sample.text(1))
        try FileManager.default.removeItem(atPath: world.bucket + user + below)
        let job = try await world.newJob()
        let tracer = try await Tracer.attach(
            to: try #require(world.service.pid),
            options: ["-y", "-s", "32", "-e", "trace=fsync,fdatasync,write,writev,sendto,sendmsg"])
        let reply = try await world.put("transcript", of: job, Sample.text(2))
        #expect(reply.status == 201, "\(reply.summary)")
        let synced = try Self.syncedBeforeReply(try await tracer.detach())
        let path = ["/users", user, user + "/jobs", user + "/jobs/" + job.id]
        let remade = try #require(path.firstIndex(of: user + below))
        for parent in path[(remade - 1)...] {
            #expect(synced.contains(Substring(world.bucket + parent)), "\(parent) of \(synced)")
        }
        try await world.close()
    }
}
