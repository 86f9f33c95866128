/// What the HTTP surface is told by the deployment.
public struct ServiceConfiguration: Sendable {
    /// What links begin with, without a slash at the end.
    public var publicURL: String
    /// Who sends the bytes of a download.
    public var delivery = Delivery.stream
    /// The origins whose pages may read replies; `*` among them means any.
    public var corsOrigins: [String] = []

    /// A deployment that streams through and serves no other origins.
    public init(publicURL: String) { self.publicURL = publicURL }

    /// Who sends the bytes of a download.
    public enum Delivery: Sendable, Equatable {
        /// This service.
        case stream
        /// nginx, told by `X-Accel-Redirect` below this prefix, which begins and ends with a slash.
        case accel(prefix: String)
        /// The bucket itself, of the downloads that links are for: their replies send the reader there.
        case redirect
    }
}
