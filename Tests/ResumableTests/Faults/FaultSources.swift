import CustodeTesting
import Foundation

/// What happens to services, database and bucket while clients upload.
///
/// The pauses are the story's own, drawn from its seed: when something happens is what is tried out, and nothing is waited for.
struct FaultSources: Sendable {
    let fleet: FaultyFleet
    /// What the bucket's requests go by way of, if that is an S3 gateway's.
    let proxy: FaultProxy?

    /// Ends services as a power cut would and starts them again, or lets them sleep for a while.
    func services() async throws {
        var random = fleet.story.random(1_001)
        while await fleet.tally.wantsMore {
            try await Task.sleep(for: .milliseconds(Int.random(in: 100...900, using: &random)))
            let pause = Duration.milliseconds(Int.random(in: 0...300, using: &random))
            let one = fleet.services[Int.random(in: 0..<fleet.services.count, using: &random)]
            switch Int.random(in: 0..<10, using: &random) {
            case 0: try await kill(fleet.services, pause)
            case 1...3:
                guard await fleet.tally.mayPutToSleep() else { continue }
                one.signal(SIGSTOP)
                await fleet.tally.hit("sleep")
                try await Task.sleep(for: .milliseconds(Int.random(in: 50...1_500, using: &random)))
                one.signal(SIGCONT)
                await fleet.tally.isAwake()
            default: try await kill([one], pause)
            }
        }
    }

    private func kill(_ services: [CustodeProcess], _ pause: Duration) async throws {
        for service in services {
            try await service.kill9()
            await fleet.tally.hit("kill")
        }
        try await Task.sleep(for: pause)
        for service in services { try await start(service) }
    }

    /// Starts a service, which may need bucket or database while these are away.
    private func start(_ service: CustodeProcess) async throws {
        for _ in 0..<5 {
            do {
                return try await service.start()
            } catch {
                try await service.kill9()
                try proxy?.clear()
            }
        }
        try await service.start()
    }

    /// Ends the connections that the services have to the database.
    func database() async throws {
        var random = fleet.story.random(1_002)
        while await fleet.tally.wantsMore {
            try await Task.sleep(for: .milliseconds(Int.random(in: 500...2_500, using: &random)))
            try await fleet.world.database.sql(
                """
                select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and application_name = 'custode'
                """)
            await fleet.tally.hit("database connections ended")
        }
    }

    /// Does to requests for the bucket what networks and services do on bad days.
    func bucket() async throws {
        guard let proxy else { return }
        var random = fleet.story.random(1_003)
        while await fleet.tally.wantsMore {
            try await Task.sleep(for: .milliseconds(Int.random(in: 20...400, using: &random)))
            await fleet.tally.hit("bucket: " + Self.disturb(proxy, &random))
            try await Task.sleep(for: .milliseconds(Int.random(in: 50...500, using: &random)))
            if Bool.random(using: &random) { try proxy.clear() }
        }
        try proxy.clear()
    }

    private static func disturb(_ proxy: FaultProxy, _ random: inout SeededGenerator) -> String {
        let times = Int.random(in: 1...5, using: &random)
        let ending: ProxyFault.Ending = Bool.random(using: &random) ? .reset : .finish
        let part = ["PUT ", "partNumber=", "POST ", "?uploadId=", "DELETE ", "GET ", "HEAD ", "PATCH "].randomElement(
            using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0...1:
            let error = CannedResponse.s3Error(500, "InternalError")
            proxy.answer(matching: part ?? "", with: error, times: times)
            return "500"
        case 2:
            proxy.answer(matching: part ?? "", with: .s3Error(503, "SlowDown"), times: times)
            return "503"
        case 3...4:
            proxy.loseReply(matching: part ?? "", ending, times: times)
            return "lost replies"
        case 5:
            proxy.endConnections(ending)
            return "connections ended"
        case 6:
            let way: ProxyFault.Direction = Bool.random(using: &random) ? .toServer : .toClient
            let count = Int.random(in: 0...400_000, using: &random)
            proxy.set(.cut(afterBytes: count, way, ending), times: times)
            return "cut"
        default:
            proxy.set(.refuse)
            return "refusal"
        }
    }
}
