import CustodeCore
import Testing

@testable import BlobStores

/// The examples of the S3 API reference and of AWS's signature test suite.
@Suite("AWS Signature Version 4")
struct SigV4Tests {
    private static let s3 = SigV4(
        accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region: "us-east-1")
    // 2013-05-24T00:00:00Z
    private static let day = Timestamp(seconds: 1_369_353_600)
    private static let host = ("host", "examplebucket.s3.amazonaws.com")
    private static let date = ("x-amz-date", "20130524T000000Z")

    private static func signature(_ request: SigV4.Request, _ signer: SigV4 = s3, at moment: Timestamp = day) -> String?
    {
        signer.authorization(request, at: moment).split(separator: "Signature=").last.map(String.init)
    }

    @Test("GET of a range")
    func get() {
        let request = SigV4.Request(
            method: "GET", path: "/test.txt",
            headers: [Self.host, ("range", "bytes=0-9"), ("x-amz-content-sha256", SigV4.emptyHash), Self.date])
        #expect(
            Self.s3.authorization(request, at: Self.day)
                == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                + "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    }

    @Test("PUT of an object whose key wants encoding")
    func put() {
        let hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
        let request = SigV4.Request(
            method: "PUT", path: "/" + SigV4.encode("test$file.text", keepingSlashes: true),
            headers: [
                ("date", "Fri, 24 May 2013 00:00:00 GMT"), Self.host, Self.date, ("x-amz-content-sha256", hash),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ], payloadHash: hash)
        #expect(Self.signature(request) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    }

    @Test(
        "GETs of the bucket",
        arguments: [
            ([("lifecycle", "")], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            ([("prefix", "J"), ("max-keys", "2")], "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ])
    func bucket(_ query: [(String, String)], _ expected: String) {
        let request = SigV4.Request(
            method: "GET", path: "/", query: query.map { (name: $0.0, value: $0.1) },
            headers: [Self.host, Self.date, ("x-amz-content-sha256", SigV4.emptyHash)])
        #expect(Self.signature(request) == expected)
    }

    @Test("a presigned GET")
    func presigned() {
        let query = Self.s3.presignedQuery(
            SigV4.Request(method: "GET", path: "/test.txt", headers: [Self.host]), at: Self.day, seconds: 86_400)
        #expect(
            query
                == "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
                + "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
                + "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
    }

    @Test(
        "the cases of the general suite",
        arguments: [
            ("GET", "/", [], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                "GET", "/", [("Param2", "value2"), ("Param1", "value1")],
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
            ),
            ("POST", "/", [], "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            ("GET", "/\u{1234}", [], "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ] as [(String, String, [(String, String)], String)])
    func general(_ method: String, _ path: String, _ query: [(String, String)], _ expected: String) {
        let signer = SigV4(
            accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", region: "us-east-1",
            service: "service")
        let request = SigV4.Request(
            method: method, path: SigV4.encode(path, keepingSlashes: true),
            query: query.map { (name: $0.0, value: $0.1) },
            headers: [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")])
        // 2015-08-30T12:36:00Z
        #expect(Self.signature(request, signer, at: Timestamp(seconds: 1_440_938_160)) == expected)
    }

    @Test("white space in a field counts as one space, and another day takes another key")
    func fields() {
        let request = { (value: String) in
            SigV4.Request(method: "GET", path: "/", headers: [Self.host, ("x-amz-meta-a", value), Self.date])
        }
        #expect(Self.signature(request("  a   b ")) == Self.signature(request("a b")))
        let fresh = SigV4(
            accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            region: "us-east-1")
        let next = Timestamp(seconds: Self.day.seconds + 86_400)
        #expect(Self.signature(request("a"), at: next) == Self.signature(request("a"), fresh, at: next))
        #expect(Self.signature(request("a"), at: next) != Self.signature(request("a")))
    }
}
