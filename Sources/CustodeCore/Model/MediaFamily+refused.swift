extension MediaFamily {
    /// Whether a finding is of the kinds refused as media whatever is accepted: documents that run or
    /// render, programs, archives, and lists that make a player fetch other addresses.
    public static func isRefused(_ mime: String) -> Bool {
        guard let essence = MediaType(mime)?.essence else { return false }
        return refused.contains(essence) || essence.hasSuffix("+xml") || essence.hasSuffix("+zip")
    }

    static let refused: Set<String> = [
        "text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml", "text/xsl",
        "text/css", "text/javascript", "application/javascript", "application/x-javascript",
        "application/ecmascript", "text/ecmascript", "application/pdf", "application/postscript", "text/rtf",
        "application/rtf", "text/x-shellscript", "application/x-sh", "application/x-shellscript",
        "text/x-php", "text/x-python", "text/x-script.python", "text/x-perl", "text/x-ruby", "text/x-tcl",
        "text/x-lua", "text/x-awk", "text/x-gawk", "text/x-nawk", "text/x-msdos-batch",
        "application/x-executable", "application/x-pie-executable", "application/x-sharedlib",
        "application/x-object", "application/x-coredump", "application/x-elf", "application/x-dosexec",
        "application/x-msdownload", "application/vnd.microsoft.portable-executable",
        "application/x-mach-binary", "application/x-java-applet", "application/java-archive",
        "application/wasm", "application/zip", "application/x-zip-compressed", "application/gzip",
        "application/x-gzip", "application/x-7z-compressed", "application/x-rar", "application/vnd.rar",
        "application/x-tar", "application/x-gtar", "application/x-xz", "application/x-bzip2",
        "application/x-lzma", "application/x-lzip", "application/zstd", "application/x-lz4",
        "application/x-compress", "application/x-cpio", "application/x-archive",
        "application/vnd.debian.binary-package", "application/x-rpm", "application/x-iso9660-image",
        "application/x-shockwave-flash", "application/vnd.adobe.flash.movie", "audio/mpegurl",
        "audio/x-mpegurl", "audio/x-scpls", "audio/scpls", "application/vnd.apple.mpegurl",
        "application/x-mpegurl", "video/x-ms-wvx", "audio/x-ms-wax", "video/x-ms-asx",
        "audio/x-pn-realaudio-plugin",
    ]
}
