internal import Cryptography
internal import CustodeCore
internal import HTTPFetch
internal import NIOCore

/// A document to send, and its hash.
struct S3Document {
    let bytes: [UInt8]
    let hash: String

    init(_ text: String) {
        bytes = Array(text.utf8)
        hash = Hex.encode(SHA256.hash(bytes))
    }

    /// The list of parts that an object is put together from.
    init(completing parts: [S3Part]) {
        let list = parts.sorted { $0.number < $1.number }
            .map { "<Part><PartNumber>\($0.number)</PartNumber><ETag>\(XMLText.escaped($0.etag))</ETag></Part>" }
        self.init("<CompleteMultipartUpload>\(list.joined())</CompleteMultipartUpload>")
    }

    var body: FetchRequestBody { bytes.isEmpty ? .none : .bytes(ByteBuffer(bytes: bytes)) }
}

/// Text in XML.
enum XMLText {
    /// With what would be markup escaped.
    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;").replacing("\r", with: "&#13;").replacing("\n", with: "&#10;")
    }
}
