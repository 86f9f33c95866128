import CustodeTesting
import Glibc
import Testing

@testable import CustodeCore

@Suite("fuzzing what readers ask for", .serialized)
struct DownloadFuzz {
    /// The numbers of a range, endless ones as the largest there is.
    private struct Wish {
        let first: Int64?
        let last: Int64?

        /// What is to be planned of an object of a size.
        func plan(_ size: Int64) -> Result<RangePlan, Refusal> {
            if let first, let last, last < first { return .success(.whole) }
            let start = first ?? size - min(last ?? 0, size)
            guard start < size else { return .failure(.rangeNotSatisfiable(size: size)) }
            let end = first == nil ? size - 1 : min(last ?? .max, size - 1)
            return .success(.part(ByteRange(first: start, last: end)))
        }
    }

    /// A `Range` field read by hand; `nil` if it is none of ours.
    private static func wish(_ field: [UInt8]) -> Wish? {
        guard field.count > 6, String(decoding: field[..<6], as: UTF8.self).lowercased() == "bytes=" else { return nil }
        var rest = field[6...].drop { $0 == 0x20 || $0 == 0x09 }
        func number() -> Int64? {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            rest = rest.dropFirst(digits.count)
            guard !digits.isEmpty else { return nil }
            let value = digits.reduce(0.0) { $0 * 10 + Double($1 - 0x30) }
            // Below 2⁵³ a Double is exact; beyond it all that matters is that no object is as long.
            return value < 9e15 ? Int64(value) : .max
        }
        let first = number()
        guard rest.popFirst() == 0x2D else { return nil }
        let last = number()
        guard rest.allSatisfy({ $0 == 0x20 || $0 == 0x09 }), first != nil || last != nil else { return nil }
        return Wish(first: first, last: last)
    }

    @Test("a range lies within the object, and is the one that was asked for")
    func ranges() async throws {
        let fuzzer = Fuzzer(
            "ranges",
            texts: ["bytes=0-9", "bytes=-5", "bytes=3-", "Bytes= 0-0 ", "bytes=0-1,3-4", "bytes=9-3", "items=0-1"],
            tokens: ["bytes=", "-", ",", "=", " ", "\t", "0", "99999999999999999999"])
        try await fuzzer.run { trial in
            var random = trial.random
            let size =
                [0, 1, 2, 10, Int64.random(in: 0...200_000, using: &random), 1 << 50].randomElement(using: &random) ?? 0
            let plan = Result { () throws(Refusal) in try RangePlan(field: trial.text, size: size) }
            let wish = Self.wish(trial.bytes)
            // Of two numbers beyond any object it need not be known which is the larger.
            if plan == .success(.whole), wish?.first == .max, wish?.last == .max { return }
            let expected = wish?.plan(size) ?? .success(.whole)
            try hold(plan == expected, "of \(size) bytes \(expected), but it is \(plan)")
            if case .success(.part(let range)) = plan {
                try hold(
                    range.first >= 0 && range.first <= range.last && range.last < size, "\(range) is of \(size) bytes")
            }
        }
    }

    /// The moment that the C library finds in a date of HTTP, which is of one length; `nil` if the weekday is another.
    private static func seconds(_ date: [UInt8]) -> Int64? {
        guard date.count == 29 else { return nil }
        func number(_ columns: Range<Int>) -> Int32 { Int32(String(decoding: date[columns], as: UTF8.self)) ?? -1 }
        func place(_ names: String, _ columns: Range<Int>) -> Int32 {
            let starts = stride(from: 0, to: names.utf8.count, by: 3)
            return starts.first { names.utf8.dropFirst($0).starts(with: date[columns]) }.map { Int32($0 / 3) } ?? -1
        }
        var parts = tm()
        (parts.tm_mday, parts.tm_year) = (number(5..<7), number(12..<16) - 1_900)
        parts.tm_mon = place("JanFebMarAprMayJunJulAugSepOctNovDec", 8..<11)
        // A leap second is the one before it, as clocks show it.
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (number(17..<19), number(20..<22), min(number(23..<25), 59))
        let seconds = Int64(timegm(&parts))
        return parts.tm_wday == place("SunMonTueWedThuFriSat", 0..<3) ? seconds : nil
    }

    @Test("a date that is read is the moment the C library finds, and is written as it was")
    func dates() async throws {
        let fuzzer = Fuzzer(
            "dates",
            texts: [
                "Mon, 23 Nov 2026 01:02:03 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Sat, 31 Dec 2016 23:59:60 GMT",
                "Tue, 29 Feb 2000 12:00:00 GMT", "Sat, 01 Jan 0000 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
                "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
            ],
            tokens: ["Mon", "Tue", "Jan", "Feb", "Dec", " GMT", "GMT", ":60", ":", ", ", "29 Feb", "1900", "2100"])
        try await fuzzer.run { trial in
            if let moment = Timestamp(httpDate: trial.text) {
                try hold(Self.seconds(trial.bytes) == moment.seconds, "it is \(moment.seconds)")
                try hold(same(moment.httpDate, trial.text.replacing(":60 ", with: ":59 ")), "it is written as it was")
            }
            var random = trial.random
            let moment = Timestamp(
                microseconds: Int64.random(in: -62_167_219_200_000_000...253_402_300_799_999_999, using: &random))
            try hold(
                Timestamp(httpDate: moment.httpDate)?.seconds == moment.seconds, "\(moment.httpDate) is read again")
        }
    }

    @Test("entity tags are read whole, and compared as RFC 9110 §8.8.3.2 has it")
    func tags() async throws {
        let etag = ETag(try #require(Digest([UInt8](repeating: 7, count: 32))))
        let fuzzer = Fuzzer(
            "tags",
            texts: [
                "*", etag.text, "W/" + etag.text, "\"a\", W/\"b\" ,\(etag.text)", "\"\"", ",\"a,b\",", "a", "\"é\"",
            ],
            tokens: ["\"", "W/", ",", ", ", "*", etag.text, "W/" + etag.text, "\t", "w/"])
        try await fuzzer.run { trial in
            guard let tags = Precondition.Tags(trial.text) else { return }
            var (isStrong, isWeak) = (true, true)
            if case .listed(let list) = tags {
                for tag in list {
                    let opaque = tag.utf8.starts(with: "W/".utf8) ? tag.utf8.dropFirst(2) : tag.utf8[...]
                    try hold(opaque.count >= 2 && opaque.first == 0x22 && opaque.last == 0x22, "\(tag) is quoted")
                    try hold(opaque.count { $0 == 0x22 } == 2, "\(tag) is one tag")
                }
                try hold(
                    !list.isEmpty && Precondition.Tags(list.joined(separator: ", ")) == tags, "the list is read again")
                isStrong = list.contains { same($0, etag.text) }
                isWeak = isStrong || list.contains { same($0, "W/" + etag.text) }
            } else {
                try hold(trial.bytes.allSatisfy { [0x2A, 0x20, 0x09].contains($0) }, "* stands alone")
            }
            var condition = Precondition()
            condition.ifMatch = tags
            let moment = Timestamp(seconds: 1)
            try hold(
                condition.forReading(etag, modified: moment) == (isStrong ? .proceed : .failed), "If-Match is strong")
            condition.ifNoneMatch = tags
            condition.ifMatch = nil
            try hold(
                condition.forReading(etag, modified: moment) == (isWeak ? .notModified : .proceed),
                "If-None-Match is weak")
        }
    }
}
