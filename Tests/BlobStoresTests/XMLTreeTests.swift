import Testing

@testable import BlobStores

@Suite("small XML documents")
struct XMLTreeTests {
    private static func nested(_ depth: Int) -> [UInt8] {
        Array((String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)).utf8)
    }

    @Test("elements, their texts and references to characters are read")
    func read() throws {
        let tree = try #require(XMLTree.read(Array("<?xml version=\"1.0\"?><a> <b>x&amp;&#121;</b> <b/></a>".utf8)))
        #expect(tree.name == "a" && tree.text("b") == "x&y" && tree.all("b").count == 2)
    }

    @Test("a document nested deeper than any service's is none, and is let go of without harm")
    func deep() {
        #expect(XMLTree.read(Self.nested(64)) != nil)
        for depth in [65, 200_000] { #expect(XMLTree.read(Self.nested(depth)) == nil) }
    }

    @Test(
        "a document that declares something is none, so that nothing in it can multiply",
        arguments: [
            "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY b \"bbb\">]><a>&b;&b;&b;</a>",
            "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        ])
    func declaring(text: String) {
        #expect(XMLTree.read(Array(text.utf8)) == nil)
    }
}
