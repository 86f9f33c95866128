# shellcheck shell=bash disable=SC2154
# Sourced by scripts/bench: one function per case. Each adds a row to the table.

mib=1048576

# value NAME: the number of a line NAME=number on stdin.
value() { sed -n "s/^$1=//p"; }

# links OBJECT-JOBS…: a fresh download link for the input of each job, one path a line.
links() {
    local body
    body=$(printf '{"job_id":"%s","object":"input","ttl_seconds":900},' "$@")
    curl -fsS "${curl_service[@]}" -H 'Content-Type: application/json' -d "{\"links\":[${body%,}]}" "$url/v1/links" |
        grep -o '"url" *: *"[^"]*"' | sed 's|\\/|/|g; s|.*"http://[^/]*||; s|"$||'
}

# nginx_links JOBS…: the same for nginx, whose links expire in 15 minutes too.
nginx_links() {
    local job path md5 expires=$(($(date +%s) + 900))
    for job in "$@"; do
        path=$(cd "$bucket" && echo "users/$user/jobs/$job/input/"*)
        md5=$(printf '%s/o/%s %s' "$expires" "$path" "$secret" | openssl md5 -binary | base64 |
            tr '+/' '-_' | tr -d =)
        echo "/o/$path?md5=$md5&expires=$expires"
    done
}

# load URL FILE [WRK OPTION…]: requests per second of the file's requests over 32 connections.
load() {
    local target=$1 file=$2 result
    shift 2
    result=$(wrk -t2 -c32 -d"${seconds}s" -s "$scripts/bench.d/requests.lua" "$@" "$target" -- "$file")
    [ "$(value failed <<<"$result")" = 0 ] || fail "requests failed at $target: $result"
    value per_second <<<"$result"
}

put_small_inputs() {
    printf '/v1/jobs/%s/input\n' "$@" >"$root/paths"
    bench puts --url "$url" --paths "$root/paths" --size 65536 "${bench_service[@]}" \
        --header 'Content-Type: audio/wav'
}

# The bytes of two addresses are the same: the ratio is worth nothing if one of them serves something else.
same_bytes() {
    cmp -s <(curl -fsS "$1") <(curl -fsS "$2") || fail "$1 and $2 differ"
}

get_small() {
    local list
    mapfile -t list < <(new_jobs 100)
    put_small_inputs "${list[@]}" >/dev/null
    same_bytes "$url$(links "${list[0]}")" "$peer$(nginx_links "${list[0]}")"
    ours() { links "${list[@]}" | sed 's/^/GET /' >"$root/requests"; load "$url" "$root/requests"; }
    theirs() { nginx_links "${list[@]}" | sed 's/^/GET /' >"$root/requests"; load "$peer" "$root/requests"; }
    alternate ours theirs
    row "signed GET of 64 KiB, 32 connections" requests/s nginx ">=" 0.5
}

get_large() {
    local job
    job=$(new_jobs 1)
    bench put --url "$url/v1/jobs/$job/input" --size $((1024 * mib)) "${bench_service[@]}" \
        --header 'Content-Type: audio/wav' >/dev/null
    ours() { bench get --times 4 --url "$url$(links "$job")" | value mib_per_second; }
    theirs() { bench get --times 4 --url "$peer$(nginx_links "$job")" | value mib_per_second; }
    alternate ours theirs $((2 * runs + 1))
    rm -rf "$bucket/users/$user/jobs/$job"
    row "signed GET of 1 GiB, one stream" MiB/s nginx ">=" 0.9
}

put_large() {
    ours() {
        local job
        job=$(new_jobs 1)
        bench put --url "$url/v1/jobs/$job/input" --size $((1024 * mib)) "${bench_service[@]}" \
            --header 'Content-Type: audio/wav' | value mib_per_second
        rm -rf "$bucket/users/$user/jobs/$job"
    }
    theirs() {
        bench put --url "$peer/put/large/$RANDOM.wav" --size $((1024 * mib)) | value mib_per_second
        rm -rf "$nginx_home/put/large"
    }
    alternate ours theirs $((2 * runs + 1))
    row "PUT of 1 GiB, hashed and sniffed / nginx DAV" MiB/s nginx ">=" 0.75
}

mint() {
    local list body='{"object":"input","operation":"download","ttl_seconds":900}'
    mapfile -t list < <(new_jobs 100)
    put_small_inputs "${list[@]}" >/dev/null
    printf "POST /v1/jobs/%s/links $body\n" "${list[@]}" >"$root/requests"
    ours() { load "$url" "$root/requests" "${curl_service[@]}" -H 'Content-Type: application/json'; }
    theirs() { load "$peer" "$root/requests" "${curl_service[@]}" -H 'Content-Type: application/json'; }
    alternate ours theirs
    row "minting links one by one / nginx return 200" requests/s nginx ">=" 0.5
}

batch() {
    local list body
    mapfile -t list < <(new_jobs 100)
    put_small_inputs "${list[@]}" >/dev/null
    body=$(printf '{"job_id":"%s","object":"input","ttl_seconds":900},' "${list[@]}")
    echo "POST /v1/links {\"links\":[${body%,}]}" >"$root/requests"
    [ "$(links "${list[@]}" | wc -l)" = 100 ] || fail "a batch of 100 did not yield 100 links"
    ours() {
        load "$url" "$root/requests" "${curl_service[@]}" -H 'Content-Type: application/json' |
            awk '{ print $1 * 100 }'
    }
    alone ours
    row "minting links in batches of 100" links/s - ">=" 100000
}

# On a disk: a tmpfs would make every sync free.
put_small() {
    local folder
    folder=$repository/.local/bench.$$
    mkdir -p "$folder/baseline"
    temporary+=("$folder")
    site "$folder"
    set_service_headers
    ours() {
        local list
        mapfile -t list < <(new_jobs "$objects")
        sql checkpoint
        put_small_inputs "${list[@]}" | value per_second
    }
    theirs() {
        rm -rf "$folder/baseline/users"
        bench baseline --database "$database" --root "$folder/baseline" --objects "$objects" --size 65536 |
            value per_second
    }
    alternate ours theirs
    row "PUT of 64 KiB, durable, 16 at once / same syncs and commits alone" PUTs/s baseline ">=" 0.8
}

# resident FIELD: VmHWM or VmRSS of the current Custode in MiB.
resident() { awk -v field="$1:" '$1 == field { printf "%.1f\n", $2 / 1024 }' "/proc/$pid/status"; }

memory_uploads() {
    hold_uploads "memory with 100 uploads of 1 GiB at once (peak)" "$(df -B1 --output=avail "$bucket" | tail -n 1)"
}

memory_downloads() {
    local job
    job=$(new_jobs 1)
    bench put --url "$url/v1/jobs/$job/input" --size $((64 * mib)) "${bench_service[@]}" \
        --header 'Content-Type: audio/wav' >/dev/null
    hold_downloads "memory with 1,000 slow downloads (largest sample)" "$job"
}

# hold_uploads LABEL ROOM: a hundred uploads at once that send no more than the room for their bytes allows.
hold_uploads() {
    local list
    mapfile -t list < <(new_jobs 100)
    printf '/v1/jobs/%s/input\n' "${list[@]}" >"$root/paths"
    serve
    bench uploads --url "$url" --paths "$root/paths" --size $((1024 * mib)) --seconds "$hold" \
        --budget $(($2 / 3 < 6144 * mib ? $2 / 3 : 6144 * mib)) "${bench_service[@]}" \
        --header 'Content-Type: audio/wav' >"$root/held"
    say "  $(xargs <"$root/held")"
    figures=("$(resident VmHWM)" "")
    row "$1" MiB - "<" 128
}

# hold_downloads LABEL JOB: a thousand slow readers of the job's input at once.
hold_downloads() {
    local client most=0 now
    serve
    bench downloads --url "$url$(links "$2")" --connections 1000 --seconds "$hold" >"$root/held" &
    client=$!
    while kill -0 "$client" 2>/dev/null; do
        now=$(resident VmRSS)
        most=$(awk -v a="$most" -v b="$now" 'BEGIN { print (a > b ? a : b) }')
        sleep 0.2
    done
    wait "$client" || fail "the slow downloads did not last"
    say "  $(xargs <"$root/held")"
    figures=("$most" "")
    row "$1" MiB - "<" 128
}
