import PostgresClient
import Testing

@Suite("Values") struct PostgresValueTests {
    private static let awkward = [
        "", "plain", "NULL", "null", "a,b", "{braces}", "quote\"inside", "back\\slash", "\\\"", "it's",
        " padded ",
        "tab\tnewline\n", "żółw 🐢 e\u{301}", "\u{FEFF}", "$1", "--", String(repeating: "\\\"", count: 1000),
    ]

    let connection: PostgresConnection

    init() async throws {
        connection = try await .connect(TestServer.shared.get().configuration())
    }

    @Test("any text comes back as it went", arguments: awkward)
    func text(_ text: String) async throws {
        let row = try #require(try await connection.query("select $1::text", [.text(text)]).first)
        #expect(try Array(row.text(0).unicodeScalars) == Array(text.unicodeScalars))
    }

    @Test("any array of texts comes back as it went", arguments: [awkward, [], [""], ["", ""]])
    func textArray(_ texts: [String]) async throws {
        let rows = try await connection.query(
            "select item, item is null from unnest($1::text[]) with ordinality as t (item, at) order by at",
            [.textArray(texts)])
        #expect(try rows.map { try $0.text(0) } == texts)
        #expect(try rows.allSatisfy { try !$0.bool(1) })
    }

    @Test("numbers come back as they went", arguments: [0, -1, 42, .min, .max])
    func int(_ number: Int64) async throws {
        let row = try #require(try await connection.query("select $1::bigint", [.int(number)]).first)
        #expect(try row.int(0) == number)
    }

    @Test("truth values and nulls come back as they went")
    func boolAndNull() async throws {
        let values: [PostgresValue] = [
            .bool(true), .bool(false), .null, .optionalText(nil), .optionalText("x"),
        ]
        let row = try #require(
            try await connection.query("select $1::bool, $2::bool, $3::bigint, $4::text, $5::text", values)
                .first)
        #expect(try row.bool(0))
        #expect(try !row.bool(1))
        #expect(try row.isNull(2))
        #expect(try row.optionalInt(2) == nil)
        #expect(try row.optionalText(3) == nil)
        #expect(try row.optionalText(4) == "x")
    }

    @Test("a null, a wrong type and a column that is not there are decoding errors")
    func decoding() async throws {
        let row = try #require(try await connection.query("select null::text, 'x'").first)
        let faults: [() throws -> Void] = [
            { _ = try row.text(0) }, { _ = try row.int(0) }, { _ = try row.bool(0) }, { _ = try row.int(1) },
            { _ = try row.bool(1) }, { _ = try row.text(2) }, { _ = try row.isNull(-1) },
        ]
        for fault in faults {
            let error = #expect(throws: PostgresError.self) { try fault() }
            #expect(error?.code == .decoding)
        }
    }

    @Test("a text with a NUL character is refused, not cut short, and the connection lives on")
    func zeroCharacter() async throws {
        for value in [PostgresValue.text("a\0b"), .textArray(["a\0b"])] {
            let error = await #expect(throws: PostgresError.self) {
                try await connection.query("select $1", [value])
            }
            #expect(error?.sqlState == "22021")
        }
        #expect(connection.isUsable)
    }

    @Test("a parameter and a result of 32 MiB pass")
    func large() async throws {
        let size = 32 << 20
        let sent = try await connection.query(
            "select length($1), md5($1) = md5(repeat('x', $2::int))",
            [.text(String(repeating: "x", count: size)), .int(Int64(size))])
        #expect(try sent[0].int(0) == size)
        #expect(try sent[0].bool(1))
        let received = try await connection.query("select repeat('y', $1::int)", [.int(Int64(size))])
        #expect(try received[0].text(0).utf8.count == size)
    }

    @Test("a result is a collection of rows and knows how many were touched")
    func collection() async throws {
        let rows = try await connection.query("select * from generate_series(1, 5)")
        #expect(rows.count == 5)
        #expect(try rows.reversed().map { try $0.int(0) } == [5, 4, 3, 2, 1])
        #expect(rows.affectedRows == 5)
        _ = try await connection.query("create temporary table t (n int)")
        let inserted = try await connection.query("insert into t select generate_series(1, 7)")
        #expect(inserted.isEmpty)
        #expect(inserted.affectedRows == 7)
        #expect(try await connection.query("update t set n = 0 where n > 5").affectedRows == 2)
        #expect(try await connection.query("create temporary table u ()").affectedRows == 0)
    }
}
