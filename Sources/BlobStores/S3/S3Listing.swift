internal import CustodeCore
internal import Glibc

/// A bucket's listing in pages (ListObjectsV2).
struct S3Listing: ListingPages {
    private static let pageSize = 1_000

    let store: S3Store
    let prefix: String

    var canJump: Bool { true }

    func fetch(token: String?, startAfter: String?) async throws(BlobStoreError) -> [UInt8] {
        var request = S3Request("GET", nil)
        request.query = [
            ("list-type", "2"), ("max-keys", String(Self.pageSize)), ("encoding-type", "url"), ("prefix", prefix),
        ]
        if let token { request.query.append(("continuation-token", token)) }
        if let startAfter { request.query.append(("start-after", startAfter)) }
        do throws(S3Error) {
            return try await store.sender.bytes(request)
        } catch {
            throw store.unavailable(error)
        }
    }

    func read(_ bytes: [UInt8]) throws(BlobStoreError) -> RemoteListing.Page {
        guard let document = XMLTree.read(bytes), document.name == "ListBucketResult",
            let isTruncated = document.text("IsTruncated")
        else { throw .unavailable("the bucket's service answers a listing with something else, or with half of it") }
        var page = RemoteListing.Page(token: document.text("NextContinuationToken"), isTruncated: isTruncated == "true")
        let isEncoded = document.text("EncodingType") == "url"
        for entry in document.children where entry.name == "Contents" {
            guard let encoded = entry.text("Key"), let etag = entry.text("ETag"),
                let size = entry.text("Size").flatMap({ Int64($0) }), size >= 0,
                let modified = entry.text("LastModified").flatMap(Self.moment)
            else { throw .unavailable("the bucket's listing lacks a key, a tag, a size or a date") }
            guard let key = isEncoded ? Self.decode(encoded) : encoded else {
                page.unreadable += 1
                continue
            }
            page.blobs.append(
                ListedBlob(key: key, facts: BlobFacts(etag: S3Found.bare(etag), size: size, modified: modified)))
        }
        return page
    }

    /// Reads a key as `encoding-type=url` spells it; `nil` if it is no UTF-8.
    static func decode(_ text: String) -> String? {
        guard text.utf8.contains(where: { $0 == 0x25 || $0 == 0x2B }) else { return text }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case 0x2B: bytes.append(0x20)
            case 0x25:
                guard let high = rest.next().flatMap(hexValue), let low = rest.next().flatMap(hexValue) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x37
        case 0x61...0x66: digit - 0x57
        default: nil
        }
    }

    /// Reads a date such as `2026-11-25T03:00:00.123Z`, to the whole second, as a `HEAD` tells it.
    static func moment(_ text: String) -> Timestamp? {
        // Year, month, day, hour, minute, second.
        var parts: [Int32] = [0, 0, 0, 0, 0, 0]
        var part = 0
        var length = 0
        reading: for byte in text.utf8 {
            length += 1
            switch (byte, length) {
            case (0x2D, 5), (0x2D, 8), (0x54, 11), (0x3A, 14), (0x3A, 17): part += 1
            case (0x2E, 20), (0x5A, 20): break reading
            // Where something else belongs there is none: that bounds how many follow one another.
            case (_, 5), (_, 8), (_, 11), (_, 14), (_, 17), (_, 20): return nil
            case (0x30...0x39, _): parts[part] = parts[part] * 10 + Int32(byte - 0x30)
            default: return nil
            }
        }
        guard length == 20, part == 5, text.utf8.last == 0x5A else { return nil }
        var time = tm()
        (time.tm_year, time.tm_mon, time.tm_mday) = (parts[0] - 1_900, parts[1] - 1, parts[2])
        (time.tm_hour, time.tm_min, time.tm_sec) = (parts[3], parts[4], parts[5])
        return Timestamp(seconds: Int64(timegm(&time)))
    }

    /// The token for the next page, where it stands plainly before the entries of a document or behind them.
    func glimpseToken(_ bytes: [UInt8]) -> String? {
        for edge in [bytes.prefix(4_096), bytes.suffix(4_096)] {
            let text = String(decoding: edge, as: UTF8.self)
            guard let tag = text.firstRange(of: "<NextContinuationToken>"),
                let end = text[tag.upperBound...].firstRange(of: "<")
            else { continue }
            let token = text[tag.upperBound..<end.lowerBound]
            return token.contains("&") ? nil : String(token)
        }
        return nil
    }
}
