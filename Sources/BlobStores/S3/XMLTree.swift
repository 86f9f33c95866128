internal import CLibExpat

/// A small XML document, read whole (Expat).
///
/// Namespaces are not looked at: S3's services disagree on them. A document that declares anything, entities that
/// multiply among them, or that is nested deeper than any of theirs, is none.
final class XMLTree {
    let name: String
    private(set) var children: [XMLTree] = []
    /// What stands in an element without children; between elements is layout.
    private(set) var text = ""

    // A tree is let go of by recursion.
    private static let deepest = 64

    private init(name: String) { self.name = name }

    /// The children of a name.
    func all(_ name: String) -> [XMLTree] { children.filter { $0.name == name } }

    /// The text of the first child of a name.
    func text(_ name: String) -> String? { children.first { $0.name == name }?.text }

    /// The root of a document; `nil` if the bytes are no well-formed one.
    static func read(_ bytes: [UInt8]) -> XMLTree? {
        guard !bytes.isEmpty, let count = Int32(exactly: bytes.count), let parser = XML_ParserCreate(nil) else {
            return nil
        }
        defer { XML_ParserFree(parser) }
        let reader = Reader(parser)
        let isWhole = withExtendedLifetime(reader) {
            XML_SetUserData(parser, Unmanaged.passUnretained(reader).toOpaque())
            XML_SetElementHandler(
                parser, { reader, name, _ in Reader.at(reader).start(name) }, { reader, _ in Reader.at(reader).end() })
            XML_SetStartDoctypeDeclHandler(parser) { reader, _, _, _, _ in Reader.at(reader).stop() }
            XML_SetCharacterDataHandler(parser) { reader, text, length in Reader.at(reader).take(text, length) }
            return bytes.withUnsafeBytes { bytes in
                XML_Parse(parser, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), count, 1)
            } == XML_STATUS_OK
        }
        return isWhole ? reader.root : nil
    }

    /// What the parser calls while it reads.
    private final class Reader {
        private(set) var root: XMLTree?
        private var path: [XMLTree] = []
        private var text: [UInt8] = []
        private let parser: XML_Parser

        init(_ parser: XML_Parser) { self.parser = parser }

        static func at(_ pointer: UnsafeMutableRawPointer?) -> Reader {
            guard let pointer else { preconditionFailure("the parser has lost its reader") }
            return Unmanaged<Reader>.fromOpaque(pointer).takeUnretainedValue()
        }

        func start(_ name: UnsafePointer<CChar>?) {
            guard let name else { return }
            guard path.count < XMLTree.deepest else { return stop() }
            let element = XMLTree(name: String(cString: name))
            if let parent = path.last { parent.children.append(element) } else { root = element }
            path.append(element)
            text.removeAll(keepingCapacity: true)
        }

        /// Lets the whole document be an error.
        func stop() { XML_StopParser(parser, XML_Bool(XML_FALSE)) }

        func take(_ characters: UnsafePointer<CChar>?, _ count: Int32) {
            text.append(contentsOf: UnsafeRawBufferPointer(start: characters, count: Int(count)))
        }

        func end() {
            if let last = path.popLast(), last.children.isEmpty { last.text = String(decoding: text, as: UTF8.self) }
            text.removeAll(keepingCapacity: true)
        }
    }
}
