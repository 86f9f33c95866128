/// Header fields in order, duplicates kept, names as written.
public struct HeaderList: Sendable, ExpressibleByDictionaryLiteral {
    /// The fields as they stand on the wire.
    public var fields: [(name: String, value: String)]

    /// A list of these fields.
    public init(fields: [(name: String, value: String)] = []) {
        self.fields = fields
    }

    /// A list written as a dictionary literal, which may repeat a name.
    public init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { (name: $0.0, value: $0.1) }
    }

    /// The value of the first field of this name, whatever its case, or nil.
    public subscript(_ name: String) -> String? {
        all(name).first
    }

    /// The values of every field of this name, in order.
    public func all(_ name: String) -> [String] {
        let wanted = name.lowercased()
        return fields.filter { $0.name.lowercased() == wanted }.map(\.value)
    }

    /// The fields of both, in order.
    public static func + (left: HeaderList, right: HeaderList) -> HeaderList {
        HeaderList(fields: left.fields + right.fields)
    }
}
