import CustodeTesting
import Testing

@testable import CustodeCore

@Suite("what a link says, in bytes")
struct LinkClaimsTests {
    static let sampleJobs = [
        "0198c0de-0000-7000-8000-00000000abcd", "0198C0DE-0000-7000-8000-00000000ABCD",
        "00000000-0000-0000-0000-000000000000", "0198c0de00007000800000000000abcd",
        "0198c0de-0000-7000-8000-00000000abc",
        "0198c0de-0000-7000-8000-00000000abcg", "-198c0de-0000-7000-8000-00000000abcd", "0", "42", "-1", "042", "+42",
        "-0",
        "9223372036854775807", "-9223372036854775808", "9223372036854775808", "job-7", ".", "..", "a/b", "é",
        "e\u{301}",
        "👩‍🎤", "a\nb", String(repeating: "x", count: 400),
    ]

    static func claims(
        _ operation: LinkOperation = .download, job: String = sampleJobs[0], object: String = "input",
        expires: UInt32 = 7
    ) throws -> LinkClaims {
        LinkClaims(
            operation: operation, expires: expires, job: try #require(JobID(job)),
            object: try #require(ObjectName(object)),
            epoch: 3, owner: 0xDEAD_BEEF, nonce: [1, 2, 3, 4, 5, 6])
    }

    @Test("jobs of every form come back byte for byte", arguments: sampleJobs)
    func jobs(text: String) throws {
        let claims = try Self.claims(job: text)
        let read = try #require(LinkClaims(encoded: claims.encoded(key: 9)[...]))
        #expect(read == claims)
        #expect(read.job.text.utf8.elementsEqual(text.utf8))
    }

    @Test(
        "objects of every name come back",
        arguments: [
            "input", "transcript", "translation", "srt", "json", "x", "a_1", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        ])
    func objects(name: String) throws {
        let claims = try Self.claims(object: name)
        #expect(LinkClaims(encoded: claims.encoded(key: 9)[...]) == claims)
    }

    @Test("every combination of the other facts comes back")
    func facts() throws {
        for operation in LinkOperation.allCases {
            for disposition in Disposition.allCases {
                for once in [false, true] {
                    for maximum in [nil, 0, 1, 5 << 30, Int64.max] {
                        for number in [UInt32.min, 1, UInt32.max] {
                            var claims = try Self.claims(operation, expires: number)
                            claims.disposition = disposition
                            claims.once = once
                            claims.maximumBytes = maximum
                            claims.epoch = number
                            claims.owner = ~number
                            #expect(LinkClaims(encoded: claims.encoded(key: 65_535)[...]) == claims)
                        }
                    }
                }
            }
        }
    }

    @Test("every prefix and every extension of claims is refused")
    func lengths() throws {
        for job in ["42", Self.sampleJobs[0], "job-7"] {
            var claims = try Self.claims(job: job, object: "named")
            claims.maximumBytes = 10
            let bytes = claims.encoded(key: 1)
            for length in 0..<bytes.count { #expect(LinkClaims(encoded: bytes[..<length]) == nil) }
            #expect(LinkClaims(encoded: (bytes + [0])[...]) == nil)
        }
    }

    @Test("an unknown version, operation, form, object, disposition or flag is refused")
    func unknownValues() throws {
        let bytes = try Self.claims(job: "42").encoded(key: 1)
        // Version, operation, form of the job, object, disposition, flags.
        for (place, good) in [(0, 1...1), (3, 1...2), (8, 2...2), (17, 0...4), (18, 0...1), (33, 0...1)] {
            for value in UInt8.min...UInt8.max {
                var changed = bytes
                changed[place] = value
                // The text and uuid forms take what follows for something else, which cannot add up.
                #expect(
                    (LinkClaims(encoded: changed[...]) != nil) == good.contains(Int(value)), "byte \(place): \(value)")
            }
        }
    }

    @Test("a limit that no signed number holds is refused")
    func negativeLimit() throws {
        var claims = try Self.claims()
        claims.maximumBytes = -1
        #expect(LinkClaims(encoded: claims.encoded(key: 1)[...]) == nil)
    }

    @Test("the decoder takes any bytes without trapping, and what it takes it writes back alike")
    func fuzz() throws {
        var random = SeededGenerator(seed: 5)
        let starts = try Self.sampleJobs.prefix(20).map { try Self.claims(job: $0).encoded(key: 1) }
        var taken = 0
        for round in 0..<20_000 {
            var bytes =
                round % 2 == 0 ? random.bytes(Int.random(in: 0...80, using: &random)) : starts[round % starts.count]
            if round % 2 == 1 {
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
            }
            guard let claims = LinkClaims(encoded: bytes[...]) else { continue }
            taken += 1
            #expect(LinkClaims(encoded: claims.encoded(key: 1)[...]) == claims)
        }
        #expect(taken > 500)
    }

    @Test("a link is current for the job's epoch and owner at its minting, and for no other")
    func current() throws {
        var claims = try Self.claims()
        claims.owner = Sample.user.fingerprint
        #expect(claims.isCurrent(for: Sample.found(epoch: 3)))
        #expect(!claims.isCurrent(for: Sample.found(epoch: 2)))
        #expect(!claims.isCurrent(for: Sample.found(epoch: 4)))
        #expect(!claims.isCurrent(for: Sample.found(owner: Sample.otherUser, epoch: 3)))
    }

    @Test("operations and dispositions are read by their exact names")
    func names() {
        #expect(LinkOperation(name: "download") == .download && LinkOperation(name: "upload") == .upload)
        #expect(Disposition(name: "inline") == .inline && Disposition(name: "attachment") == .attachment)
        for text in ["", "Download", "download ", "delete"] { #expect(LinkOperation(name: text) == nil) }
        for text in ["", "Inline", "inline;", "form-data"] { #expect(Disposition(name: text) == nil) }
    }
}
