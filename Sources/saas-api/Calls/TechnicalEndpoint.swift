import CustodeAPI
import CustodeCore
import Foundation
import HTTPFetch
import Logging
import NIOCore

/// Calls the service that does the work of a job, which may hang, lie, or answer twice.
///
/// It gets a link to the input and grants to write outputs, nothing else; what it says is checked against what is stored.
struct TechnicalEndpoint: Sendable {
    private static let largestReply = 64 * 1_024
    /// More than a year of media: nobody's job.
    private static let mostSeconds = 366.0 * 86_400
    private static let longestReason = 300

    let settings: Settings.Calls
    let custode: CustodeClient
    let queue: CallQueue
    let fetcher: Fetcher
    let logger: Logger

    /// Makes one call.
    func make(_ call: Call) async -> CallOutcome {
        guard let url = settings.endpoints[call.type] else {
            return .refused(reason: "Jobs of this type are not taken here at present.")
        }
        guard call.attempt <= settings.attempts else {
            return .refused(reason: "The work was begun \(settings.attempts) times and never came to an end.")
        }
        do {
            // Nobody else writes from now on: neither whoever sent the input, nor an attempt before this one.
            try await custode.revokeLinks(of: call.job, for: call.user)
            if call.isRepeated { try await forgetOutputs(of: call) }
            guard
                let input = try await custode.objects(of: call.job, for: call.user).first(where: {
                    $0.object == "input"
                })
            else { return .missing }
            if let known = call.inputETag, known != input.etag {
                return .refused(reason: "The file was replaced while it was worked on.")
            }
            if call.inputETag == nil { try await queue.pin(input.etag, of: call) }
            let reply = try await send(try await order(call, input), to: url)
            return try await judge(reply, call)
        } catch {
            return outcome(of: error, call)
        }
    }

    private func outcome(of error: any Error, _ call: Call) -> CallOutcome {
        switch error {
        case _ where Task.isCancelled: return .interrupted
        case CustodeError.refused(let problem) where problem.status == 404:
            // What a proxy says of a wrong address is not what the service says of a job.
            return problem.type == "urn:custode:not-found" ? .missing : .failed(reason: "The storage did not answer.")
        case let fault as Fault:
            logger.warning("job \(call.job), attempt \(call.attempt): \(fault.log)")
            return .failed(reason: fault.reason, wait: fault.wait)
        default:
            logger.warning("job \(call.job), attempt \(call.attempt): \(error)")
            return .failed(reason: "The storage did not answer.")
        }
    }

    private struct Fault: Error {
        let reason: String
        let log: String
        var wait = Duration.zero
    }

    /// Ends what may still be written for a job whose last call this was, and forgets what a failure left.
    func close(_ call: Call, _ outcome: CallOutcome) async throws(CustodeError) {
        do throws(CustodeError) {
            try await custode.revokeLinks(of: call.job, for: call.user)
            if case .done = outcome { return }
            try await forgetOutputs(of: call)
        } catch {
            // Where there is no job any more there is nothing to close.
            guard case .refused(let problem) = error, problem.status == 404 else { throw error }
        }
    }

    private func forgetOutputs(of call: Call) async throws(CustodeError) {
        for object in try await custode.objects(of: call.job, for: call.user) where object.object != "input" {
            try await custode.delete(object.object, of: call.job, for: call.user)
        }
    }

    private func order(_ call: Call, _ input: CustodeObject) async throws(CustodeError) -> Data {
        let life = Int((settings.timeout / .seconds(1)).rounded(.up))
        let orders =
            [(job: call.job, order: LinkOrder(.download, "input", timeToLive: life))]
            + call.type.outputs.map { (job: call.job, order: LinkOrder(.upload, $0.rawValue, timeToLive: life)) }
        var links: [CustodeLink] = []
        for minted in try await custode.mint(orders, for: call.user) {
            switch minted {
            case .success(let link): links.append(link)
            case .failure(let problem): throw .refused(problem)
            }
        }
        let order = Order(
            jobID: call.job, type: call.type.rawValue, attempt: call.attempt,
            input: .init(
                url: links[0].url, filename: call.filename, contentType: input.contentType, size: input.size),
            outputs: Dictionary(
                uniqueKeysWithValues: zip(call.type.outputs, links.dropFirst()).map { output, link in
                    (
                        output.rawValue,
                        .init(
                            url: link.url, method: link.method, contentTypes: output.contentTypes,
                            expiresAt: link.expiresAt)
                    )
                }))
        guard let body = try? JSONEncoder().encode(order) else { throw .unreadable("what cannot be sent as JSON") }
        return body
    }

    private func send(_ body: Data, to url: String) async throws(Fault) -> Reply {
        var request = FetchRequest("POST", url)
        request.headers = [("Content-Type", "application/json"), ("Accept", "application/json")]
        request.body = .bytes(ByteBuffer(bytes: body))
        // A connection of its own: what one call's server says too much is not taken for the next one's answer.
        request.isNeverResent = true
        request.headers.append(("Connection", "close"))
        request.stall = settings.timeout
        let sent = request
        let patience = settings.timeout
        do {
            return try await withThrowingTaskGroup(of: Reply.self) { group in
                group.addTask {
                    let response = try await fetcher.fetch(sent)
                    let body = try await response.body.collect(upTo: Self.largestReply)
                    let wait = response.head["retry-after"].flatMap { Int64($0) }.map { min(max($0, 0), 3_600) } ?? 0
                    return Reply(status: response.status, body: Data(body.readableBytesView), wait: .seconds(wait))
                }
                group.addTask {
                    try await Task.sleep(for: patience)
                    throw FetchError(.timedOut, "no whole reply within \(patience)")
                }
                defer { group.cancelAll() }
                guard let first = try await group.next() else { throw CancellationError() }
                return first
            }
        } catch let error as FetchError where error.code == .timedOut {
            throw Fault(
                reason: "The work took longer than \(Int((patience / .seconds(1)).rounded(.up))) seconds.",
                log: error.message)
        } catch let error as FetchError where error.code == .tooLarge {
            throw Fault(reason: "The service that does the work answered without sense.", log: error.message)
        } catch let error as FetchError {
            throw Fault(reason: "The service that does the work did not answer.", log: error.message)
        } catch {
            throw Fault(reason: "The work was interrupted.", log: "\(error)")
        }
    }

    private func judge(_ reply: Reply, _ call: Call) async throws -> CallOutcome {
        let told = try? JSONDecoder().decode(Told.self, from: reply.body)
        switch reply.status {
        case 200..<300: break
        case 408, 425, 429, 500...:
            throw Fault(
                reason: "The service that does the work is not able to at the moment.", log: "status \(reply.status)",
                wait: reply.wait)
        case 400, 413, 415, 422:
            return .refused(reason: Self.reason(told?.reason) ?? "The file cannot be worked on.")
        default:
            throw Fault(reason: "The service that does the work would not take the job.", log: "status \(reply.status)")
        }
        guard let told else {
            throw Fault(
                reason: "The service that does the work answered without sense.", log: "a reply that is no JSON")
        }
        // Said is not stored.
        let stored = Set(try await custode.objects(of: call.job, for: call.user).map(\.object))
        guard stored.contains(call.type.outputs[0].rawValue) else {
            throw Fault(
                reason: "The service that does the work brought nothing forth.",
                log: "said done, but there is no \(call.type.outputs[0].rawValue)")
        }
        var seconds = told.seconds ?? 0
        if !seconds.isFinite || seconds < 0 || seconds > Self.mostSeconds {
            logger.warning("job \(call.job): \(seconds) seconds of media are said to be in it; taken for none")
            seconds = 0
        }
        return .done(seconds: seconds)
    }

    /// What an endpoint says of a refusal, as far as it can be shown: no controls, nothing that turns lines around.
    private static func reason(_ text: String?) -> String? {
        var plain = ""
        for scalar in (text ?? "").unicodeScalars where plain.utf8.count < longestReason {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: continue
            default: plain.unicodeScalars.append(scalar)
            }
        }
        return plain.isEmpty ? nil : plain
    }

    private struct Reply: Sendable {
        let status: Int
        let body: Data
        /// How long the endpoint wants to be left alone.
        let wait: Duration
    }

    private struct Told: Decodable {
        let seconds: Double?
        let reason: String?
    }

    private struct Order: Encodable {
        struct Input: Encodable {
            let url: String
            let filename: String
            let contentType: String
            let size: Int64

            private enum CodingKeys: String, CodingKey {
                case url, filename, size
                case contentType = "content_type"
            }
        }

        struct Output: Encodable {
            let url: String
            let method: String
            let contentTypes: [String]
            let expiresAt: String

            private enum CodingKeys: String, CodingKey {
                case url, method
                case contentTypes = "content_types"
                case expiresAt = "expires_at"
            }
        }

        let jobID: String
        let type: String
        let attempt: Int64
        let input: Input
        let outputs: [String: Output]

        private enum CodingKeys: String, CodingKey {
            case type, attempt, input, outputs
            case jobID = "job_id"
        }
    }
}
