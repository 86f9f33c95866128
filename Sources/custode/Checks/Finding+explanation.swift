import CustodeCore
import Foundation
import PostgresClient

extension Finding {
    /// What went wrong, and what to do about it, in one line.
    static func explanation(_ error: any Error) -> String {
        switch error {
        case let error as PostgresError:
            "\(advice(error)) (\(firstLine(error.message)))"
        case BlobStoreError.unavailable(let text): "\(text); check CUSTODE_BUCKET and its permissions"
        case BlobStoreError.noRoom: "the bucket's disk is full"
        case let held as BrakeHeld: held.sentence
        default: String(describing: error)
        }
    }

    private static func firstLine(_ text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        return lines.first { !$0.isEmpty } ?? "no word of why"
    }

    /// By the server's SQL state, or, where it gave none, by what libpq says before there is a session.
    private static func advice(_ error: PostgresError) -> String {
        let text = error.message
        switch error.sqlState {
        case "28P01": return "the password is wrong; mend it in CUSTODE_DATABASE_URL"
        case "28000": return "the server lets this user in from here by no rule of pg_hba.conf"
        case "3D000": return "there is no such database; create it, or correct its name in CUSTODE_DATABASE_URL"
        case "42501": return "the role lacks a right; run policies/database/grants.sql as the owner of the tables"
        case "53300": return "the server has no connection left; raise max_connections, or run fewer replicas"
        default: break
        }
        if text.contains("password authentication failed") || text.contains("no password supplied") {
            return "the password is wrong or missing; mend it in CUSTODE_DATABASE_URL"
        }
        if text.contains("does not exist") { return "check the names in CUSTODE_DATABASE_URL" }
        if text.contains("could not translate host name") {
            return "no such host; check CUSTODE_DATABASE_URL, or the name service"
        }
        if error.code == .connectionFailed || error.code == .timedOut {
            return "no connection to the database; does it run there, and may this machine reach it?"
        }
        return "check CUSTODE_DATABASE_URL"
    }
}
