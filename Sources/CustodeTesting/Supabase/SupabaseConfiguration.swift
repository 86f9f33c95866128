extension SupabaseStandIn {
    /// What differs between versions and hostings of the server, and limits that a test may want to be near.
    public struct Configuration: Sendable {
        /// Whether error bodies lack `code`, as those of old versions do.
        public var omitsCode = false
        /// The largest page of list-v2, which is also the default one.
        public var largestPage = 1_000
        /// The largest object in bytes that can be moved or copied: S3's 5 GiB.
        public var largestCopy = 5 << 30
        /// The global limit of an object's size in bytes.
        public var largestObject = 50 << 30
        /// How many names one request may delete, or nil for any number.
        public var largestDelete: Int?
        /// Whether a create looks again for an object of its name when its bytes are there (since PR #1392).
        public var rechecksCreates = true
        /// The part size in bytes of the S3 backend, which shows in entity tags: `md5-N` for bodies beyond it.
        public var partSize = 16 << 20
        /// How long an upload link of the server counts.
        public var uploadLinkLife: Duration = .seconds(60)

        /// How long a tus upload can be continued.
        public var tusExpiry: Duration = .seconds(3_600)
        /// What `Location` begins with: in production another scheme and host than what was asked; nil for the own ones.
        public var tusLocation: String? = "https://storage.supabase.example"
        /// Whether the bytes of a `PATCH` that breaks off are kept as far as they came.
        public var keepsBrokenBytes = true
        /// How long a tus request waits for one that holds its upload before it gets 503.
        public var lockWait: Duration = .seconds(5)
        /// How long the holder may go on once another one waits before it is cut off, or nil for ever.
        public var lockDrain: Duration? = .seconds(3)

        /// The newest version with nothing lowered.
        public init() {}
    }
}
