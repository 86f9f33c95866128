import CustodeCore
import CustodeTesting
import NIOCore
import Testing

@testable import BlobStores

@Suite("Copies within an S3 bucket")
struct S3CopyTests {
    private struct Stage {
        let bucket: TestS3
        let proxy: FaultProxy
        let bytes: [UInt8]
        let blob: any OpenBlob

        static func set(_ text: String = String(repeating: "a transcript. ", count: 500)) async throws -> Stage {
            let proxy = try await TestS3.proxy()
            let bucket = try await TestS3.make(proxy: proxy)
            try await bucket.write(text, to: "old/a.txt")
            return Stage(
                bucket: bucket, proxy: proxy, bytes: Array(text.utf8),
                blob: try await bucket.store.open("old/a.txt", reading: .whole))
        }

        /// Reads all of it into a copy, and seals that.
        func copy(as key: ObjectKey) async throws -> any BlobUpload {
            let facts = try #require(blob.facts)
            let copy = try await bucket.store.beginCopy(of: "old/a.txt", facts, as: key, contentType: "text/plain")
            for try await piece in blob.read(ByteRange(first: 0, last: blob.size - 1)) { try await copy.write(piece) }
            let sealed = try await copy.seal()
            #expect(sealed.size == Int64(bytes.count) && sealed.sha256.bytes == CustodeTesting.SHA256.digest(bytes))
            return copy
        }
    }

    @Test("what was read is there under the key, byte for byte, and the source stays")
    func copies() async throws {
        let stage = try await Stage.set()
        let copy = try await stage.copy(as: try key("1"))
        #expect(try await stage.bucket.store.facts(of: [try key("1").text]) == [nil], "nothing before it is published")
        try await copy.publish(as: try key("1"))
        #expect(try await stage.bucket.store.bytes(try key("1").text) == stage.bytes)
        #expect(try await stage.bucket.store.bytes("old/a.txt") == stage.bytes)
        await copy.discard()
    }

    @Test("a source that is another by then is not copied")
    func changed() async throws {
        let stage = try await Stage.set()
        let copy = try await stage.copy(as: try key("1"))
        try await stage.bucket.write("something else", to: "old/a.txt")
        let error = await #expect(throws: BlobStoreError.self) { try await copy.publish(as: try key("1")) }
        guard case .unavailable? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try await stage.bucket.store.facts(of: [try key("1").text]) == [nil])
    }

    @Test("nothing is copied over another object; the next key may be tried")
    func taken() async throws {
        let stage = try await Stage.set()
        let copy = try await stage.copy(as: try key("1"))
        try await stage.bucket.write("somebody's", to: try key("1").text)
        await #expect(throws: BlobStoreError.keyTaken) { try await copy.publish(as: try key("1")) }
        try await copy.publish(as: try key("1", suffix: "abc234"))
        #expect(try await stage.bucket.store.bytes(try key("1").text) == Array("somebody's".utf8))
        #expect(try await stage.bucket.store.bytes(try key("1", suffix: "abc234").text) == stage.bytes)
    }

    @Test("a reply that is lost on its way is looked after, not taken for a failure")
    func lostReply() async throws {
        let stage = try await Stage.set()
        let copy = try await stage.copy(as: try key("1"))
        // The copy is made, and nobody hears of it.
        stage.proxy.loseReply(matching: "PUT /")
        try await copy.publish(as: try key("1"))
        #expect(try await stage.bucket.store.bytes(try key("1").text) == stage.bytes)
    }

    @Test("one that was not read whole is not sealed")
    func partial() async throws {
        let stage = try await Stage.set()
        let facts = try #require(stage.blob.facts)
        let copy = try await stage.bucket.store.beginCopy(
            of: "old/a.txt", facts, as: try key("1"), contentType: "text/plain")
        try await copy.write(ByteBuffer(bytes: stage.bytes.dropLast()))
        await #expect(throws: BlobStoreError.self) { try await copy.seal() }
        await copy.discard()
    }
}
