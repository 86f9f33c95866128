import Foundation
import NIOCore

/// A `multipart/form-data` body with one file (RFC 7578), the way in that Supabase's own clients take.
struct SupabaseForm: Sendable {
    /// The bytes of the part that has a file name.
    private(set) var file: ByteBuffer?
    /// What the other parts say of it.
    private(set) var form = SupabaseUploadForm(contentType: "application/octet-stream", cacheControl: "no-cache")

    /// Takes a whole body apart, or fails on one that is no form.
    init?(_ body: ByteBuffer, contentType: String) {
        guard let mark = contentType.range(of: "boundary=") else { return nil }
        let boundary = contentType[mark.upperBound...].prefix { $0 != ";" }.filter { $0 != "\"" }
        let text = Data(body.readableBytesView)
        guard let opening = text.range(of: Data("--\(boundary)".utf8)) else { return nil }
        var start = opening.upperBound + 2
        while start < text.count, let head = text.range(of: Data("\r\n\r\n".utf8), in: start..<text.count),
            let end = text.range(of: Data("\r\n--\(boundary)".utf8), in: head.upperBound..<text.count),
            let content = body.getSlice(
                at: body.readerIndex + head.upperBound, length: end.lowerBound - head.upperBound)
        {
            take(content, String(decoding: text[start..<head.lowerBound], as: UTF8.self))
            start = end.upperBound + 2
        }
    }

    private mutating func take(_ content: ByteBuffer, _ fields: String) {
        let lines = fields.split(separator: "\r\n").map(String.init)
        let disposition = lines.first { $0.lowercased().hasPrefix("content-disposition:") } ?? ""
        let text = String(buffer: content)
        if disposition.contains("filename") {
            file = content
            let type = lines.first { $0.lowercased().hasPrefix("content-type:") }
            if let type { form.contentType = type.dropFirst(13).trimmingPrefix(" ").description }
            return
        }
        switch Self.parameter("name", of: disposition) {
        case "cacheControl": form.cacheControl = "max-age=\(text)"
        case "contentType": form.contentType = text
        case "metadata", "userMetadata": form.userMetadata = (try? JSON(Array(text.utf8))) ?? .null
        default: break
        }
    }

    private static func parameter(_ name: String, of field: String) -> String? {
        guard let start = field.range(of: "\(name)=\"") else { return nil }
        return String(field[start.upperBound...].prefix { $0 != "\"" })
    }
}
