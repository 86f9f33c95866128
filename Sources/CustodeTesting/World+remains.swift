extension World {
    /// What the bucket and the service's own tables hold, to be compared before and after.
    public struct Remains: Sendable, Equatable {
        /// The bucket's files with their sizes.
        public let files: [String: Int]
        /// How many rows tell of bytes that may be on their way.
        public let intents: Int
        /// How many objects are published.
        public let objects: Int
        /// How many references the SaaS's tables hold.
        public let references: Int
    }

    /// What is there now.
    public func remains() async throws -> Remains {
        let row = try await database.sql(
            """
            select (select count(*) from custode.upload_intents), (select count(*) from custode.objects),
                (select count(*) from jobs where input_ref is not null)
                + (select count(*) from artifacts where storage_ref is not null)
            """)
        let counts = row.first?.map { Int($0 ?? "") ?? -1 } ?? []
        guard counts.count == 3 else { throw HarnessError("no counts") }
        return Remains(
            files: TestFolder.files(below: bucket), intents: counts[0], objects: counts[1],
            references: counts[2])
    }
}
