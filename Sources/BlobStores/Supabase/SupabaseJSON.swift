internal import CustodeCore
internal import Foundation

/// Documents that the service sends and takes.
enum SupabaseJSON {
    static func bytes(of value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Of texts, numbers and flags, all of which can be written.
        return (try? encoder.encode(value)).map { [UInt8]($0) } ?? []
    }

    /// A document as one header field carries it.
    static func base64(of value: some Encodable) -> String { Data(bytes(of: value)).base64EncodedString() }

    /// - Throws: ``SupabaseError`` if it is something else: an edge's page, or half of a document.
    static func read<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) throws(SupabaseError) -> Value {
        guard let value = try? JSONDecoder().decode(type, from: Data(bytes)) else {
            throw SupabaseError(
                status: 200, code: "MalformedReply", message: "the reply is not the document that was expected",
                mayBeDone: true, isPassing: true)
        }
        return value
    }

    /// What `/object/info` tells.
    struct Info: Decodable {
        let size: Int64?
        let etag: String?
        let content_type: String?
        let last_modified: String?
        let created_at: String?
        /// As the uploader gave it, of whatever kind.
        let metadata: [String: Loose]?
    }

    /// A value of which only texts matter.
    struct Loose: Decodable {
        let text: String?

        init(from decoder: any Decoder) throws {
            text = try? decoder.singleValueContainer().decode(String.self)
        }
    }

    /// What `/bucket/{id}` tells.
    struct Bucket: Decodable {
        let isPublic: Bool
        let sizeLimit: Int64?
        let types: [String]?

        enum CodingKeys: String, CodingKey {
            case isPublic = "public"
            case sizeLimit = "file_size_limit"
            case types = "allowed_mime_types"
        }
    }

    /// A bucket to make.
    struct NewBucket: Encodable {
        let id: String
        let name: String
        let `public` = false
    }

    /// A page of a listing that is asked for.
    struct PageWish: Encodable {
        let prefix: String
        let limit: Int
        let cursor: String?
        let with_delimiter = false
        let sortBy = Order()

        struct Order: Encodable {
            let column = "name"
            let order = "asc"
        }
    }

    /// A page of a listing.
    struct Page: Decodable {
        let hasNext: Bool
        let nextCursor: String?
        let objects: [Entry]

        struct Entry: Decodable {
            let name: String
            let updated_at: String?
            let created_at: String?
            let metadata: Facts?
        }

        struct Facts: Decodable {
            let eTag: String?
            let size: Int64?
        }
    }

    /// An object that was made.
    struct Made: Decodable {
        let key: String

        enum CodingKeys: String, CodingKey { case key = "Key" }
    }

    /// Names of objects, which the service calls prefixes.
    struct Names: Encodable { let prefixes: [String] }

    /// An object that was removed.
    struct Removed: Decodable { let name: String }

    /// A move from one name to another.
    struct Move: Encodable {
        let bucketId: String
        let sourceKey: String
        let destinationKey: String
    }

    /// Objects to sign URLs for.
    struct SigningWish: Encodable {
        let expiresIn: Int
        let paths: [String]
    }

    /// A signed URL, or why there is none.
    struct Signed: Decodable {
        let error: String?
        let path: String?
        let signedURL: String?
    }

    /// Reads a date of RFC 3339 in UTC, to the whole second.
    static func moment(_ text: String) -> Timestamp? {
        let rest = text.utf8.dropFirst(19).drop { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
        guard ["Z", "+00:00", "+00"].contains(String(decoding: rest, as: UTF8.self)) else { return nil }
        return S3Listing.moment(String(decoding: text.utf8.prefix(19), as: UTF8.self) + "Z")
    }
}
