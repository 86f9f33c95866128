import CustodeCore

/// A job that is handed to its technical endpoint: by this process, until its lease is over.
struct Call: Sendable {
    let job: String
    let user: String
    let type: JobType
    let filename: String
    /// What it cost its user.
    let credits: Int64
    /// Which attempt this is, from 1.
    let attempt: Int64
    /// Grows with each attempt, so that who lost the lease can record nothing.
    let epoch: Int64
}

/// How a call ended.
enum CallOutcome: Sendable {
    /// The outputs are stored; so many seconds of media were worked on.
    case done(seconds: Double)
    /// It may work another time; what to tell the user if there is none.
    case failed(reason: String)
    /// It never will.
    case refused(reason: String)
    /// The job is gone, or another's by now.
    case void
}
