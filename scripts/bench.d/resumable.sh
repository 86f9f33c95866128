# shellcheck shell=bash disable=SC2154
# Sourced by scripts/bench: the cases of resumable uploads.

# tus_one CHUNK: MiB/s of 1 GiB by tus in requests of this size.
tus_one() {
    local job
    job=$(new_jobs 1)
    bench tus --url "$url" --job "$job" --size $((1024 * mib)) --chunk "$1" "${bench_service[@]}" |
        value mib_per_second
    rm -rf "$bucket/users/$user/jobs/$job"
}

# plain_one: MiB/s of the same by one plain PUT.
plain_one() {
    local job
    job=$(new_jobs 1)
    bench put --url "$url/v1/jobs/$job/input" --size $((1024 * mib)) "${bench_service[@]}" \
        --header 'Content-Type: audio/wav' | value mib_per_second
    rm -rf "$bucket/users/$user/jobs/$job"
}

tus_large() {
    one() { tus_one $((1024 * mib)); }
    eights() { tus_one $((8 * mib)); }
    alternate one plain_one $((2 * runs + 1))
    row "tus: 1 GiB in one PATCH / plain PUT" MiB/s PUT ">=" 0.9
    alternate eights plain_one $((2 * runs + 1))
    row "tus: 1 GiB in PATCHes of 8 MiB / plain PUT" MiB/s PUT ">=" 0.9
}

tus_small() {
    # More than a user may have open at once.
    tiny() {
        sql "delete from custode.uploads" >/dev/null
        new_jobs 90 >"$root/jobs"
        bench tiny --url "$url" --jobs "$root/jobs" "${bench_service[@]}" >"$root/tiny"
        value "$1" <"$root/tiny"
    }
    creation() { tiny creation_ms; }
    patch() { tiny patch_ms; }
    alone creation
    row "tus: creation (median)" ms - "<" 2
    alone patch
    row "tus: PATCH of 5 bytes (median)" ms - "<" 2
}

memory_tus() {
    local list
    sql "delete from custode.uploads" >/dev/null
    mapfile -t list < <(new_jobs 100)
    printf '/v1/jobs/%s/input\n' "${list[@]}" >"$root/paths"
    serve
    bench uploads --url "$url" --paths "$root/paths" --size $((1024 * mib)) --seconds "$hold" \
        --budget $((4096 * mib)) "${bench_service[@]}" --header 'Content-Type: audio/wav' \
        --header 'Upload-Complete: ?0' >"$root/held"
    say "  $(xargs <"$root/held")"
    figures=("$(resident VmHWM)" "")
    row "memory with 100 resumable uploads at once (peak)" MiB - "<" 128
}
