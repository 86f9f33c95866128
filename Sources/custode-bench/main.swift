import Foundation

let help = """
    custode-bench VERB --name value …: the load tools of scripts/bench

    get        --url U [--times N] [--copy yes]                     large GETs into a sink
    put        --url U --size BYTES [--header H]…                   one large PUT from memory
    tus        --url U --job J --size BYTES --chunk BYTES           the same by tus, in requests of one size
    tiny       --url U --jobs FILE                                  uploads by tus of a few bytes each
    puts       --url U --paths FILE --size BYTES [--connections N]  small PUTs over keep-alive connections
    baseline   --database URI --root DIR --objects N --size BYTES   the syncs and commits of such PUTs alone
    uploads    --url U --paths FILE --size BYTES --seconds S --budget BYTES
    downloads  --url U --connections N --seconds S
    plant      --root DIR                                           files for the jobs told on standard input
    legacy     --root DIR --count N --size BYTES                    small files from before
    """

signal(SIGPIPE, SIG_IGN)
do {
    let words = CommandLine.arguments.dropFirst()
    if words.first == "--help" {
        print(help)
        exit(0)
    }
    let arguments = try Arguments(words)
    switch arguments.verb {
    case "get": try FetchOne(arguments)()
    case "put": try SendOne(arguments)()
    case "tus": try ResumeOne(arguments)()
    case "tiny": try ResumeTiny(arguments)()
    case "puts": try SendMany(arguments)()
    case "baseline": try DurableBaseline(arguments)()
    case "uploads": try HoldUploads(arguments)()
    case "downloads": try HoldDownloads(arguments)()
    case "legacy": try PlantLegacy(arguments)()
    case "plant": try PlantObjects(arguments)()
    default: throw BenchError("no tool \(arguments.verb); see --help")
    }
} catch {
    FileHandle.standardError.write(Data("custode-bench: \(error)\n".utf8))
    exit(1)
}
