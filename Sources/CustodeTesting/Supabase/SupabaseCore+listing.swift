import Foundation

extension SupabaseCore {
    /// The first kind of listing: one folder, names relative to it.
    func list(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        let id = request.segments[2]
        return json(request) { [self] body throws(SupabaseError) in
            let role = try role(of: request)
            let told = try body.text("prefix")
            let prefix = told.isEmpty || told.hasSuffix("/") ? told : told + "/"
            let start = prefix + (body["search"].string ?? "")
            let limit = min(body["limit"].int ?? 100, 1_500)
            let offset = body["offset"].int ?? 0
            let order = Order(body["sortBy"])
            let (folders, objects) = withState { state in
                guard role.isService else { return ([String](), [(key: String, object: SupabaseObject)]()) }
                return state.children(below: prefix, startingWith: start, in: id)
            }
            let sorted = order.sort(objects)
            let names = order.isDescending ? folders.reversed() : folders
            let rows = names.map { Self.folder($0) } + sorted.map { Self.entry($0.object, $0.key, from: prefix) }
            return .json(.array(Array(rows.dropFirst(offset).prefix(limit))))
        }
    }

    private static func folder(_ name: String) -> JSON {
        .object([
            "name": .string(name), "id": .null, "updated_at": .null, "created_at": .null,
            "last_accessed_at": .null, "metadata": .null,
        ])
    }

    private static func entry(_ object: SupabaseObject, _ key: String, from prefix: String) -> JSON {
        .object([
            "name": .string(String(key.dropFirst(prefix.count))), "id": .string(object.id),
            "updated_at": SupabaseText.json(object.updated), "created_at": SupabaseText.json(object.created),
            "last_accessed_at": SupabaseText.json(object.created), "metadata": object.metadata,
        ])
    }

    /// The second kind: whole names in the order of their bytes, by a raw prefix, with a cursor.
    func listV2(_ request: SupabaseRequest) throws(SupabaseError) -> SupabasePlan {
        let id = request.segments[2]
        return json(request) { [self] body throws(SupabaseError) in
            let role = try role(of: request)
            if let limit = body["limit"].number, limit < 1 { throw .schema("body/limit must be >= 1") }
            let prefix = body["prefix"].string ?? ""
            let cursor = try body["cursor"].string.map { text throws(SupabaseError) in try Cursor(text) }
            let order = cursor?.order ?? Order(body["sortBy"])
            let isDeep = body["with_delimiter"].bool != true
            let (rows, largest) = withState { state in
                let most = state.configuration.largestPage
                guard role.isService else { return ([Row](), most) }
                return (state.rows(startingWith: prefix, in: id, isDeep: isDeep), most)
            }
            let limit = min(body["limit"].int ?? largest, largest)
            let rest = order.sort(rows).filter { cursor?.isBefore($0) ?? true }
            let page = rest.prefix(limit)
            var answer: [String: JSON] = [
                "hasNext": .bool(rest.count > limit),
                "folders": .array(
                    page.filter { $0.object == nil }.map { .object(["name": .string($0.key), "id": .null]) }),
                "objects": .array(
                    page.compactMap { row in
                        row.object.map { Self.entry($0, row.key, from: "").merging(isDeep ? [:] : row.lastPart) }
                    }),
            ]
            if rest.count > limit, let last = page.last {
                answer["nextCursor"] = .string(Cursor(after: last, order).text)
                answer["nextCursorKey"] = .string(last.key)
            }
            return .json(.object(answer))
        }
    }

    /// A name in a listing: an object, or a folder of some.
    struct Row {
        let key: String
        let object: SupabaseObject?

        fileprivate var lastPart: JSON {
            .object(["key": .string(String(key.split(separator: "/").last ?? ""))])
        }
    }

    /// What a listing is sorted by.
    struct Order {
        var column = "name"
        var isDescending = false

        init(_ told: JSON) {
            column = told["column"].string ?? "name"
            isDescending = told["order"].string?.lowercased() == "desc"
        }

        fileprivate init(column: String, isDescending: Bool) {
            self.column = column
            self.isDescending = isDescending
        }

        /// The date of the column, or nil when it is the name.
        func date(of object: SupabaseObject?) -> Date? {
            switch column {
            case "created_at": object?.created ?? .distantPast
            case "updated_at": object?.updated ?? .distantPast
            default: nil
            }
        }

        func sort(_ rows: [Row]) -> [Row] {
            guard column == "created_at" || column == "updated_at" else {
                return isDescending ? rows.reversed() : rows
            }
            return rows.sorted { left, right in
                let (first, second) = isDescending ? (right, left) : (left, right)
                let (early, late) = (date(of: first.object), date(of: second.object))
                guard let early, let late, early != late else { return first.key < second.key }
                return early < late
            }
        }

        func sort(_ rows: [(key: String, object: SupabaseObject)]) -> [(key: String, object: SupabaseObject)] {
            sort(rows.map { Row(key: $0.key, object: $0.object) }).compactMap { row in
                row.object.map { (key: row.key, object: $0) }
            }
        }
    }

    /// Where the next page begins: lines of letters and values, in base64.
    struct Cursor {
        private let key: String
        private let date: String?
        let order: Order

        init(after row: Row, _ order: Order) {
            key = row.key
            date = order.date(of: row.object).flatMap { SupabaseText.json($0).string }
            self.order = order
        }

        init(_ text: String) throws(SupabaseError) {
            guard let bytes = SupabaseText.bytes(ofBase64: text) else { throw .invalidCursor }
            var values: [Character: String] = [:]
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                guard let letter = line.first, "loca".contains(letter), line.dropFirst().first == ":" else {
                    throw .invalidCursor
                }
                values[letter] = String(line.dropFirst(2))
            }
            guard let key = values["l"] else { throw .invalidCursor }
            self.key = key
            date = values["a"]
            order = Order(column: values["c"] ?? "name", isDescending: values["o"] == "desc")
        }

        var text: String {
            var lines = ["l:\(key)", "o:\(order.isDescending ? "desc" : "asc")", "c:\(order.column)"]
            if let date { lines.append("a:\(date)") }
            return Data(lines.joined(separator: "\n").utf8).base64EncodedString()
        }

        /// Whether a row comes after the place of this cursor.
        func isBefore(_ row: Row) -> Bool {
            let (mine, other) = (date ?? "", order.date(of: row.object).flatMap { SupabaseText.json($0).string } ?? "")
            let isGreater = (other, row.key) > (mine, key)
            return order.isDescending ? (other, row.key) < (mine, key) : isGreater
        }
    }
}

extension SupabaseState {
    /// What stands right below a folder: the folders in it, and the objects.
    mutating func children(
        below prefix: String, startingWith start: String, in id: String
    ) -> (folders: [String], objects: [(key: String, object: SupabaseObject)]) {
        let lowered = start.lowercased()
        var folders: [String] = []
        var objects: [(key: String, object: SupabaseObject)] = []
        for key in buckets[id]?.keys() ?? [] where key.hasPrefix(prefix) && key.lowercased().hasPrefix(lowered) {
            let rest = key.dropFirst(prefix.count)
            if let slash = rest.firstIndex(of: "/") {
                let name = String(rest[..<slash])
                if folders.last != name { folders.append(name) }
            } else if let object = buckets[id]?[key] {
                objects.append((key: key, object: object))
            }
        }
        return (folders, objects)
    }

    /// The rows of a listing with whole names, in the order of their bytes.
    mutating func rows(startingWith prefix: String, in id: String, isDeep: Bool) -> [SupabaseCore.Row] {
        var rows: [SupabaseCore.Row] = []
        for key in buckets[id]?.keys() ?? [] where key.hasPrefix(prefix) {
            let rest = key.dropFirst(prefix.count)
            if !isDeep, let slash = rest.firstIndex(of: "/") {
                let folder = prefix + rest[...slash]
                if rows.last?.key != folder { rows.append(.init(key: folder, object: nil)) }
            } else {
                rows.append(.init(key: key, object: buckets[id]?[key]))
            }
        }
        return rows
    }
}
