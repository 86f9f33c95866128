import CustodeAPI
import CustodeCore
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// `/saas/jobs`: what users have done, and may have done.
struct JobRoutes: Sendable {
    private static let largestPage = 100
    private static let longestFilename = 255
    private static let largestBody = 16 * 1_024
    private static let longestKey = 255
    /// How long an upload may be begun after it was offered; it may then take as long as it takes.
    private static let timeToBegin = 900

    let jobs: JobStore
    let custode: CustodeClient
    let costs: [JobType: Int64]
    let types: Set<JobType>

    /// Adds the routes, for callers that are known.
    func add(to routes: RouterGroup<SaaSContext>) {
        routes.post("jobs", use: create)
        routes.get("jobs", use: list)
        routes.get("jobs/:id", use: get)
        routes.delete("jobs/:id", use: delete)
    }

    @Sendable private func create(_ request: Request, _ context: SaaSContext) async throws -> Response {
        let user = try context.user()
        let order = try await request.decoded(JobOrder.self, upTo: Self.largestBody)
        guard let type = JobType(rawValue: order.type) else {
            throw Problem.badRequest("type is one of \(JobType.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        guard types.contains(type) else {
            throw Problem.badRequest("Jobs of type \(type.rawValue) are not taken here at present.")
        }
        guard (1...Self.longestFilename).contains(order.filename.utf8.count),
            order.filename.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else { throw Problem.badRequest("filename is 1 to \(Self.longestFilename) bytes without control characters.") }
        let key = request.headers[.idempotencyKey]
        guard key.map({ (1...Self.longestKey).contains($0.utf8.count) }) ?? true else {
            throw Problem.badRequest("Idempotency-Key is 1 to \(Self.longestKey) bytes.")
        }
        let job = try await jobs.create(type, filename: order.filename, cost: costs[type] ?? 1, key: key, for: user)
        guard !job.hasInput, job.status == "queued" else {
            // The same order again, after its file came.
            return .json(Created(job: job, upload: nil))
        }
        do {
            let upload = try await self.upload(of: job, for: user)
            var response = Response.json(Created(job: job, upload: upload), status: .created)
            response.headers[.location] = "/saas/jobs/\(job.id)"
            return response
        } catch {
            // Without the link nobody learns of it: as if it had not been. Who can ask for it again does so.
            if key == nil { _ = try? await jobs.delete(job.id, of: user) }
            throw error
        }
    }

    @Sendable private func list(_ request: Request, _ context: SaaSContext) async throws -> Response {
        let user = try context.user()
        var limit = 20
        if let text = request.uri.queryParameters["limit"] {
            guard let number = Int(text), (1...Self.largestPage).contains(number) else {
                throw Problem.badRequest("limit is a number from 1 to \(Self.largestPage).")
            }
            limit = number
        }
        var cursor: Cursor?
        if let text = request.uri.queryParameters["cursor"] {
            cursor = Cursor(String(text))
            if cursor == nil { throw Problem.badRequest("cursor is what the page before called next.") }
        }
        guard let page = try await jobs.list(of: user, after: cursor, limit: limit) else {
            if cursor != nil { throw Problem.badRequest("cursor is what the page before called next.") }
            return .json(Page(jobs: [], next: nil))
        }
        return .json(Page(jobs: page.jobs, next: page.next?.text))
    }

    @Sendable private func get(_ request: Request, _ context: SaaSContext) async throws -> Response {
        let user = try context.user()
        guard let job = try await jobs.find(try context.parameters.require("id"), of: user) else {
            throw Problem.notFound
        }
        let isWithLinks = request.uri.queryParameters["links"].map { $0 == "true" || $0 == "1" } ?? false
        let found = try await known { () async throws(CustodeError) in
            try await custode.objects(of: job.id, for: user.text)
        }
        // Outputs are told when they are final: a failed job has none, whatever an attempt left.
        let held = found.filter { job.status == "done" || $0.object == "input" }
        var links: [CustodeLink?] = held.map { _ in nil }
        var upload: UploadReply?
        if isWithLinks, !held.isEmpty {
            var orders = held.map { (job: job.id, order: LinkOrder(.download, $0.object)) }
            for index in orders.indices { orders[index].order.disposition = .attachment }
            let wanted = orders
            links = try await known { () async throws(CustodeError) in try await custode.mint(wanted, for: user.text) }
                .map { try? $0.get() }
        }
        if isWithLinks, !job.hasInput, job.status == "queued" {
            upload = try await self.upload(of: job, for: user)
        }
        return .json(
            Detail(job: job, objects: zip(held, links).map { ObjectReply($0, $1) }, upload: upload))
    }

    @Sendable private func delete(_ request: Request, _ context: SaaSContext) async throws -> Response {
        guard try await jobs.delete(try context.parameters.require("id"), of: try context.user()) else {
            throw Problem.notFound
        }
        return Response(status: .noContent)
    }

    private func upload(of job: Job, for user: UserID) async throws -> UploadReply {
        let order = LinkOrder(.upload, "input", timeToLive: Self.timeToBegin)
        return UploadReply(
            try await known { () async throws(CustodeError) in
                try await custode.mint(order, of: job.id, for: user.text)
            })
    }

    /// What Custode answers; what it does not know, because the row went a moment ago, is not there.
    private func known<Value>(_ call: () async throws(CustodeError) -> Value) async throws -> Value {
        do {
            return try await call()
        } catch {
            if case .refused(let problem) = error, problem.status == 404 { throw Problem.notFound }
            throw error
        }
    }
}

extension Request {
    /// The body as a value; what it holds besides is passed over.
    ///
    /// - Throws: ``Problem``.
    func decoded<Value: Decodable>(_ type: Value.Type, upTo limit: Int) async throws -> Value {
        let body = try await self.body.collect(upTo: limit)
        guard let value = try? JSONDecoder().decode(type, from: Data(body.readableBytesView)) else {
            throw Problem.badRequest("The body is not the JSON that is wanted here.")
        }
        return value
    }
}
