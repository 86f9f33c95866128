import HTTPTypes
import Testing

@testable import CustodeHTTP

@Suite("fields of uploads")
struct UploadFieldsTests {
    private static func boolean(_ texts: String...) -> Bool? {
        var fields = HTTPFields()
        for text in texts { fields.append(HTTPField(name: .uploadComplete, value: text)) }
        return UploadFields.boolean(fields, .uploadComplete)
    }

    @Test("a boolean may have parameters and spaces around it")
    func booleans() {
        for text in ["?1", "?1;a", "?1; a=b", "?1 ;a"] { #expect(Self.boolean(text) == true, "\(text)") }
        for text in ["?0", "?0;?1"] { #expect(Self.boolean(text) == false, "\(text)") }
    }

    @Test(
        "what is no boolean is as good as absent",
        arguments: ["", "?", "1", "?2", "?10", "? 1", ";?1", "??1", "true", "?1, ?1"]
    )
    func noBoolean(text: String) {
        #expect(Self.boolean(text) == nil)
    }

    @Test("two booleans are none")
    func doubled() { #expect(Self.boolean("?1", "?1") == nil) }
}
