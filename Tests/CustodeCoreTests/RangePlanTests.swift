import CustodeTesting
import Testing

@testable import CustodeCore

@Suite("ranges (RFC 9110 §14)")
struct RangePlanTests {
    private static func part(_ first: Int64, _ last: Int64) -> RangePlan {
        .part(ByteRange(first: first, last: last))
    }

    @Test(
        "one well-formed range is planned",
        arguments: [
            ("bytes=0-0", 10, part(0, 0)), ("bytes=0-9", 10, part(0, 9)), ("bytes=3-5", 10, part(3, 5)),
            ("bytes=3-", 10, part(3, 9)), ("bytes=9-", 10, part(9, 9)), ("bytes=3-100", 10, part(3, 9)),
            ("bytes=-1", 10, part(9, 9)), ("bytes=-10", 10, part(0, 9)),
            ("bytes=0-99999999999999999999", 10, part(0, 9)),
            ("bytes=-99999999999999999999", 10, part(0, 9)), ("bytes=0-9223372036854775807", 10, part(0, 9)),
            ("bytes=-9223372036854775807", 10, part(0, 9)), ("bytes=-9223372036854775808", 10, part(0, 9)),
            ("BYTES=1-2", 10, part(1, 2)), ("Bytes=1-2", 10, part(1, 2)), ("bytes= 1-2", 10, part(1, 2)),
            ("bytes=1-2 ", 10, part(1, 2)), ("bytes=1-2\t", 10, part(1, 2)), ("bytes=00001-0002", 10, part(1, 2)),
            ("bytes=0-", 1, part(0, 0)), ("bytes=9223372036854775806-", Int64.max, part(Int64.max - 1, Int64.max - 1)),
        ])
    func planned(field: String, size: Int64, plan: RangePlan) throws {
        #expect(try RangePlan(field: field, size: size) == plan)
    }

    @Test("a suffix range longer than the object yields all of it")
    func longSuffix() throws {
        #expect(try RangePlan(field: "bytes=-500", size: 10) == Self.part(0, 9))
    }

    @Test(
        "a range of which no byte exists is 416, and tells the size",
        arguments: [
            ("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=-00", 10),
            ("bytes=99999999999999999999-", 10),
            ("bytes=99999999999999999999-99999999999999999999", 10), ("bytes=0-", 0), ("bytes=0-0", 0), ("bytes=-1", 0),
            ("bytes=9223372036854775807-", Int64.max),
        ])
    func unsatisfiable(field: String, size: Int64) {
        #expect(throws: Refusal.rangeNotSatisfiable(size: size)) { try RangePlan(field: field, size: size) }
    }

    @Test(
        "more than one range, another unit or a malformed field yields the whole",
        arguments: [
            "bytes=0-1,3-4", "bytes=0-5,3-8", "bytes=0-1,", "bytes=,0-1", "bytes=0-1, 5-", "items=0-1", "bytes",
            "bytes=",
            "", "=", "bytes=-", "bytes=5-2", "bytes=a-b", "bytes=0x1-2", "bytes=1.5-2", "bytes=1--2", "bytes=--1",
            "bytes=+1-2", "bytes=-+1", "bytes=1 -2", "bytes=1- 2", "bytes=1-2 3", "bytes =1-2", " bytes=1-2",
            "bytes:1-2",
            "bytes=1-2-3", "bytes=١-٢", "bytes=1\u{2013}2", "bytes=\u{301}1-2", "bytes=1-\u{301}2", "bytes==1-2",
            "bytes=-1-2",
        ])
    func ignored(field: String) throws {
        #expect(try RangePlan(field: field, size: 10) == .whole)
    }

    @Test("whatever the field and the size, what is planned lies within the object")
    func fuzz() {
        var random = SeededGenerator(seed: 7)
        let letters = Array("0123456789-,= bytes".utf8)
        for _ in 0..<20_000 {
            let tail = (0..<Int.random(in: 0...22, using: &random)).map { _ in
                letters[Int.random(in: 0..<letters.count, using: &random)]
            }
            let size = Int64.random(in: 0...30, using: &random)
            guard
                case .part(let range)? = try? RangePlan(
                    field: "bytes=" + String(decoding: tail, as: UTF8.self), size: size)
            else { continue }
            #expect(range.first >= 0 && range.first <= range.last && range.last < size)
        }
    }
}
