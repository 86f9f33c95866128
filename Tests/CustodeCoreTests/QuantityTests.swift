import Testing

@testable import CustodeCore

@Suite("times and sizes as people write them")
struct QuantityTests {
    @Test(
        "times",
        arguments: [
            ("0s", 0), ("250ms", 250), ("90s", 90_000), ("15m", 900_000), ("48h", 172_800_000), ("14d", 1_209_600_000),
            ("007s", 7_000), ("36500d", 3_153_600_000_000),
        ])
    func durations(text: String, milliseconds: Int64) {
        #expect(Quantity.duration(text) == .milliseconds(milliseconds))
    }

    @Test(
        "sizes, in thousands and in powers of 1,024",
        arguments: [
            ("0", 0), ("1000", 1_000), ("1B", 1), ("500KB", 500_000), ("500KiB", 512_000), ("2MB", 2_000_000),
            ("2MiB", 2 << 20), ("2GB", 2_000_000_000), ("2GiB", 2 << 30), ("1TB", 1_000_000_000_000), ("1TiB", 1 << 40),
            ("9223372036854775807", Int64.max),
        ])
    func sizes(text: String, bytes: Int64) {
        #expect(Quantity.bytes(text) == bytes)
    }

    @Test(
        "anything else is no time",
        arguments: [
            "", "s", "1", "1 s", " 1s", "1s ", "1S", "1.5s", "-1s", "1e3s", "1s1s", "ms", "1w", "1min", "١s",
            "9223372036854775807d", "99999999999999999999s", "0x1s",
        ])
    func notDurations(text: String) { #expect(Quantity.duration(text) == nil) }

    @Test(
        "more than a hundred years is no time: moments so far off cannot be computed with",
        arguments: [
            "36501d", "3153600001s", "9000000000000000s", "9223372036854775807ms", "106751991167d",
        ])
    func endless(text: String) { #expect(Quantity.duration(text) == nil) }

    @Test(
        "anything else is no size",
        arguments: [
            "", "B", "KiB", "1 KiB", " 1", "1 ", "1kib", "1K", "1KiBB", "1.5GiB", "-1", "-1B", "1e3", "1_000", "1,000",
            "9223372036854775808", "9223372036854775807KiB", "99999999999999999999",
        ])
    func notSizes(text: String) { #expect(Quantity.bytes(text) == nil) }

    @Test("a sign is no part of a quantity", arguments: ["+1s", "+5m"])
    func signedDurations(text: String) { #expect(Quantity.duration(text) == nil) }

    @Test("a sign is no part of a size", arguments: ["+1", "+5KiB"])
    func signedSizes(text: String) { #expect(Quantity.bytes(text) == nil) }
}
