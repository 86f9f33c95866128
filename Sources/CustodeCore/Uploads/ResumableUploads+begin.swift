extension ResumableUploads {
    /// What a client says of an upload that it begins.
    public struct Declaration: Sendable {
        /// The protocol.
        public var dialect: UploadDialect
        /// The job; from the link, where there is one.
        public var job: JobID?
        /// The object; from the link, where there is one.
        public var object: ObjectName?
        /// What it says of the whole.
        public var request = PutObject.Request()
        /// What is told again as it was told.
        public var declared = ResumableUpload.Declared()
        /// What it is of a concatenation.
        public var role = Role.whole
        /// Whether bytes come with it.
        public var hasBody = false

        /// What an upload is of a concatenation.
        public enum Role: Sendable, Equatable {
            /// Nothing: it is an object by itself.
            case whole
            /// One of those that another will be made of.
            case partial
            /// Made of these.
            case joined([UploadID])
        }

        /// An upload of which nothing is said yet.
        public init(_ dialect: UploadDialect) { self.dialect = dialect }
    }

    /// What became of the beginning.
    public enum Beginning: Sendable {
        /// It is remembered, and held by this request.
        case begun(ResumableUpload)
        /// These very bytes are there already.
        case alreadyThere(ObjectRecord)
    }

    /// Begins an upload.
    ///
    /// It is held: bytes that come with it go to ``append(_:_:body:stop:)``, else ``rest(_:)`` must follow.
    public func begin(_ caller: Caller, _ declaration: Declaration) async throws -> Beginning {
        if case .partial = declaration.role {
            return .begun(try await remember(try await partial(caller, declaration), declaration))
        }
        var declaration = declaration
        var parts: [ResumableUpload] = []
        if case .joined(let ids) = declaration.role {
            parts = try await joinable(ids, caller)
            declaration.request.length = parts.reduce(0) { $0 + $1.offset }
        }
        switch try await admit(caller, declaration) {
        case .alreadyThere(let record): return .alreadyThere(record)
        case .proceed(let admission):
            let target = ResumableUpload.Target(
                job: admission.found.job, type: admission.found.type, object: admission.object,
                claim: admission.request.claim, filename: admission.request.filename,
                expectation: admission.expectation)
            var upload = new(declaration, creator(caller, admission.found.owner), target, limit: admission.limit)
            if !parts.isEmpty { upload = joining(parts, into: upload) }
            return .begun(try await remember(upload, declaration))
        }
    }

    private func admit(_ caller: Caller, _ declaration: Declaration) async throws -> PutObject.Decision {
        switch caller {
        case .principal(let principal):
            guard let job = declaration.job, let object = declaration.object else {
                throw Refusal.badRequest("Name the job and the object in Upload-Metadata: job and object.")
            }
            return try await putObject.admit(principal, job, object, declaration.request)
        case .link(let claims):
            let agrees =
                (declaration.job.map { $0 == claims.job } ?? true)
                && (declaration.object.map { $0 == claims.object } ?? true)
            guard agrees else { throw Refusal.forbidden("The link is for another object than Upload-Metadata names.") }
            return try await putObject.admit(claims, declaration.request)
        }
    }

    private func partial(_ caller: Caller, _ declaration: Declaration) async throws -> ResumableUpload {
        let limit: Int64
        let creator: UploadCreator
        switch caller {
        case .principal(let principal):
            guard !principal.grants.isEmpty else { throw Refusal.forbidden("Uploads need a grant.") }
            limit = largestObject
            creator = UploadCreator(user: principal.user)
        case .link(let claims):
            var request = declaration.request
            request.length = nil
            guard case .proceed(let admission) = try await putObject.admit(claims, request) else {
                throw Refusal.notFound
            }
            limit = admission.limit
            creator = self.creator(caller, admission.found.owner)
        }
        if let length = declaration.request.length, length > limit { throw Refusal.tooLarge(limit: limit) }
        return new(declaration, creator, nil, limit: limit)
    }

    private func creator(_ caller: Caller, _ owner: UserID) -> UploadCreator {
        switch caller {
        case .principal: UploadCreator(user: owner)
        case .link(let claims): UploadCreator(user: owner, link: UploadCreator.Link(claims))
        }
    }

    private func new(
        _ declaration: Declaration, _ creator: UploadCreator, _ target: ResumableUpload.Target?, limit: Int64
    ) -> ResumableUpload {
        let id = UploadID(random: random)
        return ResumableUpload(
            id: id, creator: creator, dialect: declaration.dialect, target: target, declared: declaration.declared,
            limit: limit, digest: declaration.request.digest, length: declaration.request.length, epoch: 1,
            expires: clock.now() + policy.uploads.expires, staged: StagedBlob(id: id))
    }

    private func joining(_ parts: [ResumableUpload], into upload: ResumableUpload) -> ResumableUpload {
        ResumableUpload(
            id: upload.id, creator: upload.creator, dialect: upload.dialect, target: upload.target,
            parts: parts.map(\.id), declared: upload.declared, limit: upload.limit, digest: upload.digest,
            length: upload.length, epoch: upload.epoch, expires: upload.expires, staged: upload.staged)
    }

    private func remember(
        _ upload: ResumableUpload, _ declaration: Declaration
    ) async throws -> ResumableUpload {
        let appends = declaration.hasBody || !upload.parts.isEmpty || upload.length == 0
        let user = upload.creator.user
        // What comes in one piece meanwhile takes of the same bytes, and learns of this upload from the database.
        var limits = policy.uploads
        limits.maximumBytesPerUserPerDay -= dailyBytes?.unknown(of: user) ?? 0
        defer { dailyBytes?.refresh(user) }
        switch try await uploads.create(upload, limits, lease: AppendWatch.lease, appends: appends) {
        case .created: return upload
        case .tooManyOpen:
            throw DailyBytes.tooManyOpen(policy.uploads.maximumOpenPerUser)
        case .tooManyBytes: throw DailyBytes.tooMuch
        }
    }

    /// Lets go of an upload that no bytes came with; one that needs none is finished.
    public func rest(_ upload: ResumableUpload) async throws -> Standing {
        if upload.dialect == .tus, upload.length == 0 { return try await complete(upload) }
        try await uploads.release(upload.id, epoch: upload.epoch, nextNumber: upload.staged.nextNumber)
        return .receiving(upload)
    }

    /// Finds the partial uploads of a concatenation, which must be whole and their creator's.
    private func joinable(_ ids: [UploadID], _ caller: Caller) async throws -> [ResumableUpload] {
        guard !ids.isEmpty else { throw Refusal.badRequest("Upload-Concat names no partial upload.") }
        var found: [UploadID: ResumableUpload] = [:]
        for id in ids where found[id] == nil {
            let upload: ResumableUpload
            do {
                upload = try await authorized(id, caller).upload
            } catch Refusal.notFound {
                throw Refusal.badRequest("Upload-Concat names an upload that does not exist.")
            }
            guard upload.target == nil else {
                throw Refusal.badRequest("Upload-Concat names an upload that is not partial.")
            }
            guard case .done = upload.state else {
                throw Refusal.badRequest("Upload-Concat names an upload that is not complete.")
            }
            found[id] = upload
        }
        return ids.compactMap { found[$0] }
    }
}
