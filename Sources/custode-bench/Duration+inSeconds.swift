extension Duration {
    /// The whole duration as a floating-point count of seconds.
    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
