import CustodeCore

/// A job that is handed to its technical endpoint: by this process, until its lease is over.
struct Call: Sendable {
    let job: String
    let user: String
    let type: JobType
    let filename: String
    /// Which attempt this is, from 1; those that were given back are not counted.
    let attempt: Int64
    /// Grows each time it is taken, so that who lost the lease can record nothing.
    let epoch: Int64
    /// What the input was when it was worked on first; `nil` before.
    let inputETag: String?

    /// Whether somebody had it before, of whom something may be left.
    var isRepeated: Bool { epoch > 1 }
}

/// How a call ended.
enum CallOutcome: Sendable, Equatable {
    /// The outputs are stored; so many seconds of media were worked on.
    case done(seconds: Double)
    /// It may work another time, not before a while that the endpoint asked for; what to tell the user if there is none.
    case failed(reason: String, wait: Duration = .zero)
    /// It never will.
    case refused(reason: String)
    /// The storage knows of no such job, or of no input.
    case missing
    /// This process stops.
    case interrupted
    /// The job is gone, or another's by now.
    case void
}
