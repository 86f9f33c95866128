internal import Foundation
internal import FoundationXML

/// A small XML document, read whole (Foundation's parser, which is libxml2).
///
/// Namespaces are not looked at: S3's services disagree on them.
final class XMLTree {
    let name: String
    private(set) var children: [XMLTree] = []
    private(set) var text = ""

    private init(name: String) { self.name = name }

    /// The root's content; `nil` if the bytes are no well-formed document.
    convenience init?(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return nil }
        let reader = Reader()
        let parser = XMLParser(data: Data(bytes))
        parser.shouldResolveExternalEntities = false
        parser.delegate = reader
        guard parser.parse(), let root = reader.root else { return nil }
        self.init(name: root.name)
        children = root.children
        text = root.text
    }

    /// The children of a name.
    func all(_ name: String) -> [XMLTree] { children.filter { $0.name == name } }

    /// The text of the first child of a name.
    func text(_ name: String) -> String? { children.first { $0.name == name }?.text }

    private final class Reader: NSObject, XMLParserDelegate {
        var root: XMLTree?
        private var path: [XMLTree] = []

        func parser(
            _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?,
            qualifiedName qName: String?, attributes attributeDict: [String: String]
        ) {
            let element = XMLTree(name: elementName)
            if let parent = path.last { parent.children.append(element) } else { root = element }
            path.append(element)
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) { path.last?.text += string }

        func parser(
            _ parser: XMLParser, didEndElement elementName: String, namespaceURI: String?,
            qualifiedName qName: String?
        ) {
            // What stands between elements is layout.
            if let last = path.popLast(), !last.children.isEmpty { last.text = "" }
        }
    }
}
