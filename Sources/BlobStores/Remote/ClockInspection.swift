internal import CustodeCore

extension CollectableStore {
    /// Whether a store's clock, by which objects age, is about ours.
    func inspectClock(against clock: any WallClock) async -> StoreFinding {
        do throws(BlobStoreError) {
            let ahead = try await self.clock().seconds - clock.now().seconds
            guard abs(ahead) > 60 else {
                return StoreFinding("bucket clock", isGood: true, "differs by less than a minute")
            }
            return StoreFinding(
                "bucket clock", isGood: false, "the bucket's clock is \(ahead) s off ours; run NTP on both")
        } catch {
            return StoreFinding("bucket clock", isGood: false, error.description)
        }
    }
}
