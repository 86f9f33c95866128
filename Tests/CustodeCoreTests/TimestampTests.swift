import CustodeTesting
import Foundation
import Testing

@testable import CustodeCore

@Suite("moments")
struct TimestampTests {
    static let moments: [(Int64, String, String)] = [
        (0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "2000-02-29T00:00:00Z", "Tue, 29 Feb 2000 00:00:00 GMT"),
        (951_868_799, "2000-02-29T23:59:59Z", "Tue, 29 Feb 2000 23:59:59 GMT"),
        (951_868_800, "2000-03-01T00:00:00Z", "Wed, 01 Mar 2000 00:00:00 GMT"),
        (1_709_164_800, "2024-02-29T00:00:00Z", "Thu, 29 Feb 2024 00:00:00 GMT"),
        (1_795_395_723, "2026-11-23T01:02:03Z", "Mon, 23 Nov 2026 01:02:03 GMT"),
        (4_107_542_400, "2100-03-01T00:00:00Z", "Mon, 01 Mar 2100 00:00:00 GMT"),
        (4_294_967_295, "2106-02-07T06:28:15Z", "Sun, 07 Feb 2106 06:28:15 GMT"),
        (-1, "1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT"),
        (-86_400, "1969-12-31T00:00:00Z", "Wed, 31 Dec 1969 00:00:00 GMT"),
        (-2_203_891_200, "1900-03-01T00:00:00Z", "Thu, 01 Mar 1900 00:00:00 GMT"),
        (-2_208_988_800, "1900-01-01T00:00:00Z", "Mon, 01 Jan 1900 00:00:00 GMT"),
    ]

    @Test("times are told as RFC 3339 in UTC and as HTTP's fixed date, leap days and moments before 1970 too")
    func writing() {
        for (seconds, rfc3339, httpDate) in Self.moments {
            #expect(Timestamp(seconds: seconds).rfc3339 == rfc3339)
            #expect(Timestamp(seconds: seconds).httpDate == httpDate)
        }
    }

    @Test("HTTP's fixed date is read back to the second")
    func reading() {
        for (seconds, _, httpDate) in Self.moments {
            #expect(Timestamp(httpDate: httpDate) == Timestamp(seconds: seconds))
        }
    }

    @Test("random days from 1800 to 2400 agree with the calendar of the system, both ways")
    func againstFoundation() throws {
        var random = SeededGenerator(seed: 3)
        let style = Date.ISO8601FormatStyle()
        for _ in 0..<2_000 {
            let seconds = Int64.random(in: -5_364_662_400...13_569_465_600, using: &random)
            let moment = Timestamp(seconds: seconds)
            #expect(moment.rfc3339 == style.format(Date(timeIntervalSince1970: Double(seconds))))
            #expect(Timestamp(httpDate: moment.httpDate) == moment)
        }
    }

    @Test("a fraction of a second is told where there is one, to the microsecond")
    func fractions() {
        #expect(Timestamp(microseconds: 1).rfc3339 == "1970-01-01T00:00:00.000001Z")
        #expect(Timestamp(microseconds: 1_500_000).rfc3339 == "1970-01-01T00:00:01.500000Z")
        #expect(Timestamp(microseconds: -1).rfc3339 == "1969-12-31T23:59:59.999999Z")
        #expect(Timestamp(microseconds: -1).httpDate == "Wed, 31 Dec 1969 23:59:59 GMT")
        #expect(Timestamp(microseconds: -1_000_000).seconds == -1)
        #expect(Timestamp(microseconds: -1_000_001).seconds == -2)
        #expect(Timestamp(microseconds: 999_999).seconds == 0)
    }

    @Test("a duration is added to the microsecond, and may be negative")
    func adding() {
        let start = Timestamp(seconds: 10)
        #expect(start + .milliseconds(1_500) == Timestamp(microseconds: 11_500_000))
        #expect(start + .seconds(-11) == Timestamp(seconds: -1))
        #expect(start + .microseconds(1) > start)
        #expect(Timestamp(microseconds: 1).ceilingSeconds == 1)
        #expect(Timestamp(seconds: 1).ceilingSeconds == 1)
        #expect(Timestamp(microseconds: -1).ceilingSeconds == 0)
    }

    @Test(
        "what is not HTTP's fixed date is no date",
        arguments: [
            "", "Mon", "2026-11-23T01:02:03Z", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT ",
            " Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 006 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 November 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT", "Sun 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 gmt",
            "Sun, 06 Nov 99999 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:-1 GMT",
        ])
    func notDates(text: String) {
        #expect(Timestamp(httpDate: text) == nil)
    }

    @Test(
        "a date whose numbers are not of the fixed width, or that no calendar has, is no date",
        arguments: [
            "Sun, +6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov +994 08:49:37 GMT", "Sun, 06 Nov 1994 8:9:7 GMT",
            "Sun, 06 Nov 1994 +8:49:37 GMT", "Sun, 06 Nov 1994 008:049:037 GMT", "Sun, 06 Nov -994 08:49:37 GMT",
            "Thu, 31 Feb 2000 00:00:00 GMT", "Mon, 31 Nov 1994 08:49:37 GMT", "Thu, 29 Feb 2001 00:00:00 GMT",
            "Xyz, 06 Nov 1994 08:49:37 GMT", ", 06 Nov 1994 08:49:37 GMT",
        ])
    func sloppyDates(text: String) {
        #expect(Timestamp(httpDate: text) == nil)
    }
}
