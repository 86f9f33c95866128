import Foundation

extension World {
    /// The database as a role of its own sees it that has what `policies/database` grants, and nothing more.
    public func narrowURI() async throws -> String {
        let role = "custode_\(UInt32.random(in: 0 ... .max))"
        _ = try await database.sql("create role \(role) login password 'secret'")
        try await Command.succeed(
            TestDatabase.client,
            [
                "-X", "-q", "-o", "/dev/null", "-v", "role=\(role)", "-f",
                Checkout.root + "/policies/database/grants.sql", database.uri,
            ])
        var uri = URLComponents(string: database.uri)
        uri?.user = role
        uri?.password = "secret"
        guard let narrow = uri?.string else { throw HarnessError("not a URI: \(database.uri)") }
        return narrow
    }
}
