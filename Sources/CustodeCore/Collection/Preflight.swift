extension BrakeHeld {
    /// What this role sees may not be all there is.
    static let rowsMayBeHidden = BrakeHeld(
        .rowSecurity,
        "row-level security may hide rows of jobs or artifacts from this role; give the role BYPASSRLS, or own the "
            + "tables with it")
}

/// Looks whether the world is fit for collection: the brakes that are not about how much would go.
struct Preflight {
    private static let greatestSkew = Duration.seconds(60)

    let parts: CollectionParts

    /// What a run may rely on.
    struct World {
        let circumstances: Circumstances
        /// The bucket's mark.
        let mark: String
        /// What the bucket's clock is ahead of ours.
        let bucketAhead: Duration
    }

    /// - Parameter isDry: Asks nothing of the bucket that changes it, not even for a moment.
    /// - Throws: ``BrakeHeld``, ``CatalogError``.
    func check(isDry: Bool) async throws -> World {
        let circumstances = try await parts.catalog.circumstances()
        if circumstances.isStandby {
            throw BrakeHeld(
                .standby,
                "the database is a standby, which may lag behind; point CUSTODE_DATABASE_URL at the primary")
        }
        if circumstances.rowsMayBeHidden {
            throw BrakeHeld.rowsMayBeHidden
        }
        let ours = parts.clock.now()
        try compare(circumstances.clock, ours, "database")
        var bucketAhead = Duration.zero
        do {
            if !isDry {
                let theirs = try await parts.store.clock()
                try compare(theirs, ours, "bucket")
                bucketAhead = .microseconds(theirs.microseconds - ours.microseconds)
            }
            let expected = StorageIdentity(
                uuid: circumstances.uuid, environment: parts.environment, systemID: circumstances.systemID)
            let found = try await parts.marker.read()
            if let mismatch = expected.mismatch(with: found?.identity) { throw BrakeHeld(.identity, mismatch) }
            return World(circumstances: circumstances, mark: found?.mark ?? "", bucketAhead: bucketAhead)
        } catch BlobStoreError.noRoom {
            throw BrakeHeld.overQuota
        } catch let error as BlobStoreError {
            throw BrakeHeld(.listing, "the bucket does not answer: \(error); see custode check")
        }
    }

    private func compare(_ theirs: Timestamp, _ ours: Timestamp, _ whose: String) throws(BrakeHeld) {
        let ahead = Duration.microseconds(theirs.microseconds - ours.microseconds)
        guard (.zero - Self.greatestSkew)...Self.greatestSkew ~= ahead else {
            let seconds = ahead.components.seconds
            throw BrakeHeld(
                .clockSkew,
                "the \(whose)'s clock is \(abs(seconds)) s \(seconds > 0 ? "ahead of" : "behind") this machine's; set both "
                    + "by NTP")
        }
    }
}
