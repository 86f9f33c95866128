/// Which bucket of an S3-compatible service, and the keys to it.
public struct S3Configuration: Sendable {
    /// How an address names the bucket.
    public enum Style: String, Sendable, CaseIterable {
        /// As the first component of the path.
        case path
        /// As the first label of the host's name.
        case virtual
    }

    /// The bucket's name.
    public var bucket: String
    /// The service's URL without the bucket, such as `https://s3.eu-central-1.amazonaws.com`; a path is kept.
    public var endpoint: String
    /// The region that requests are signed for.
    public var region: String
    /// How addresses name the bucket.
    public var style: Style
    /// The public half of the key.
    public var accessKey: String
    /// The secret half.
    public var secretKey: String
    /// Where parts of uploads wait to be sent; unnamed files, which a crash takes with it.
    public var spoolDirectory: String

    /// A bucket and the keys to it.
    public init(
        bucket: String, endpoint: String, region: String = "us-east-1", style: Style = .path, accessKey: String,
        secretKey: String, spoolDirectory: String
    ) {
        self.bucket = bucket
        self.endpoint = endpoint
        self.region = region
        self.style = style
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.spoolDirectory = spoolDirectory
    }
}
