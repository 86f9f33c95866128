# shellcheck shell=bash disable=SC2154
# Sourced by scripts/bench: the cases of S3 buckets. The peer is curl, straight to the same Ceph RGW.

s3_bucket=bench
rgw=''

# s3_site: a Ceph RGW, a Postgres and a Custode in memory, once; sets endpoint, and what `site` sets.
s3_site() {
    if [ -z "$rgw" ]; then
        say "  starting a private Ceph RGW"
        rgw=$(mktemp -d /dev/shm/custode-rgw.XXXXXX)
        temporary+=("$rgw")
        endpoint=$(CUSTODE_TEST_RGW_BYTES=$((6 << 30)) "$scripts/rgw" start "$rgw")
        straight -X PUT -o /dev/null "$endpoint/$s3_bucket"
        mkdir "$rgw/site"
        chmod 711 "$rgw" "$rgw/site"
        bucket_setting="s3://$s3_bucket?endpoint=$endpoint" site "$rgw/site"
    fi
    root=$rgw/site
    set_service_headers
}

stop_rgw() { [ -z "$rgw" ] || "$scripts/rgw" stop "$rgw" || true; }

# straight WORDS…: curl to the RGW, as the bucket's owner.
straight() { signed UNSIGNED-PAYLOAD "$@"; }

# signed HASH WORDS…: the same of a body whose SHA-256 is signed.
signed() {
    local hash=$1
    shift
    curl -fsS --aws-sigv4 aws:amz:us-east-1:s3 --user custodeaccess:custodesecret -H "x-amz-content-sha256: $hash" "$@"
}

# through WORDS…: curl to Custode, as the API.
through() { curl -fsS "${curl_service[@]}" -H 'Content-Type: audio/wav' "$@"; }

# per_second BYTES SECONDS: in MiB.
per_second() { awk -v bytes="$1" -v seconds="$2" 'BEGIN { printf "%.1f\n", bytes / 1048576 / seconds }'; }

# media BYTES: a file that is audio to whoever looks.
media() {
    [ -e "$root/media.$1" ] || {
        printf 'RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\1\0\1\0\x80\xbb\0\0\0\x77\1\0\2\0\x10\0data\xff\xff\xff\x7f'
        head -c $(($1 - 44)) /dev/zero
    } >"$root/media.$1"
    echo "$root/media.$1"
}

# emptied: what uploads of the runs before left goes, so that memory holds the next.
emptied() {
    sql "delete from jobs" >/dev/null
    env "${settings[@]}" CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY=0s "$binaries/custode" gc --outbox-only --json \
        >"$root/gc" 2>&1 || fail "$(cat "$root/gc")"
}

s3_get_large() {
    local job size=$((1024 * mib))
    s3_site
    job=$(new_jobs 1)
    through -T "$(media $size)" -o /dev/null "$url/v1/jobs/$job/input"
    ours() { per_second $size "$(curl -fsS -o /dev/null -w '%{time_total}' "$url$(links "$job")")"; }
    theirs() {
        per_second $size "$(straight -o /dev/null -w '%{time_total}' \
            "$endpoint/$s3_bucket/users/$user/jobs/$job/input/original.wav")"
    }
    alternate ours theirs
    row "S3: signed GET of 1 GiB, one stream" MiB/s "curl" ">=" 0.9
    forget_large "$job"
}

# forget_large JOB: at once, without quarantine.
forget_large() {
    straight -X DELETE -o /dev/null "$endpoint/$s3_bucket/users/$user/jobs/$1/input/original.wav"
    # Ceph frees the space a little later.
    sleep 12
}

s3_put_large() {
    local size=$((1024 * mib)) payload=UNSIGNED-PAYLOAD
    s3_site
    ours() {
        local job
        job=$(new_jobs 1)
        per_second $size "$(through -T "$(media $size)" -o /dev/null -w '%{time_total}' "$url/v1/jobs/$job/input")"
        forget_large "$job"
    }
    theirs() {
        per_second $size "$(signed "$payload" -T "$(media $size)" -o /dev/null -w '%{time_total}' \
            "$endpoint/$s3_bucket/large")"
        straight -X DELETE -o /dev/null "$endpoint/$s3_bucket/large"
        sleep 12
    }
    alternate ours theirs
    row "S3: PUT of 1 GiB, hashed, sniffed, in parts / unsigned payload" MiB/s "curl" ">=" 0.9
    # Each part of ours is checked by the service against a hash that is signed; so is this.
    payload=$(sha256sum "$(media $size)" | cut -d ' ' -f 1)
    alternate ours theirs
    row "S3: the same / payload signed as ours is" MiB/s "curl" ">=" 0.9
}

# many FILE: requests per second of one curl that does what the file says, 16 at a time.
many() {
    local begun
    begun=$(date +%s%N)
    curl -fsS --parallel --parallel-max 16 -K "$1" >"$root/many" 2>&1 || fail "$(tail -n 3 "$root/many")"
    awk -v count="$(grep -c '^url' "$1")" -v nanoseconds=$(($(date +%s%N) - begun)) \
        'BEGIN { printf "%.1f\n", count / nanoseconds * 1e9 }'
}

s3_put_small() {
    local file
    s3_site
    file=$(media 65536)
    ours() {
        new_jobs "$objects" | awk -v url="$url" -v file="$file" -v key="$key" -v user="$user" '
            NR > 1 { print "next" } {
            printf "url = \"%s/v1/jobs/%s/input\"\nupload-file = \"%s\"\noutput = /dev/null\n", url, $1, file
            printf "header = \"Authorization: Bearer %s\"\nheader = \"Custode-User: %s\"\n", key, user
            print "header = \"Content-Type: audio/wav\"" }' >"$root/ours"
        many "$root/ours"
    }
    theirs() {
        seq "$objects" | awk -v url="$endpoint/$s3_bucket/small" -v file="$file" '
            NR > 1 { print "next" } {
            printf "url = \"%s/%s-%s\"\nupload-file = \"%s\"\noutput = /dev/null\n", url, $1, rand(), file
            print "aws-sigv4 = aws:amz:us-east-1:s3\nuser = custodeaccess:custodesecret"
            print "header = \"x-amz-content-sha256: UNSIGNED-PAYLOAD\"" }' >"$root/theirs"
        many "$root/theirs"
    }
    alternate ours theirs
    row "S3: PUT of 64 KiB, 16 at once" PUTs/s "curl" ">=" 0.7
    emptied
}

s3_get_small() {
    local list file
    s3_site
    file=$(media 65536)
    mapfile -t list < <(new_jobs 100)
    put_small_inputs "${list[@]}" >/dev/null
    ours() {
        links "${list[@]}" "${list[@]}" "${list[@]}" "${list[@]}" "${list[@]}" |
            awk -v url="$url" 'NR > 1 { print "next" } { printf "url = \"%s%s\"\noutput = /dev/null\n", url, $1 }' >"$root/ours"
        many "$root/ours"
    }
    theirs() {
        printf '%s\n' "${list[@]}" "${list[@]}" "${list[@]}" "${list[@]}" "${list[@]}" |
            awk -v url="$endpoint/$s3_bucket/users/$user/jobs" '
            NR > 1 { print "next" } {
            printf "url = \"%s/%s/input/original.wav\"\noutput = /dev/null\n", url, $1
            print "aws-sigv4 = aws:amz:us-east-1:s3\nuser = custodeaccess:custodesecret"
            print "header = \"x-amz-content-sha256: UNSIGNED-PAYLOAD\"" }' >"$root/theirs"
        many "$root/theirs"
    }
    alternate ours theirs
    row "S3: signed GET of 64 KiB, 16 at once" requests/s "curl" ">=" 0.7
    emptied
}

s3_memory_uploads() {
    s3_site
    hold_uploads "S3: memory with 100 uploads of 1 GiB at once (peak)" $((9 * 1024 * mib))
    serve
}

s3_memory_downloads() {
    local job
    s3_site
    job=$(new_jobs 1)
    through -T "$(media $((64 * mib)))" -o /dev/null "$url/v1/jobs/$job/input"
    hold_downloads "S3: memory with 1,000 slow downloads (largest sample)" "$job"
    emptied
}

# A hundred thousand objects of a thousand users, and the rows that refer to them.
s3_sweep() {
    local keys=$root/keys.txt
    s3_site
    keys=$root/keys.txt
    sql "insert into users (email) select 'u' || g || '@example.org' from generate_series(1, 1000) g on conflict do nothing"
    sql "insert into jobs (user_id, type, created_at) select id, 'transcription', 'epoch' from users,
            generate_series(1, 100) where email like 'u%@example.org'"
    sql "copy (select 'users/' || user_id || '/jobs/' || id || '/input/original.wav' from jobs
            where created_at = 'epoch' order by user_id::text collate \"C\", id::text collate \"C\") to stdout" >"$keys"
    say "  planting $(wc -l <"$keys") objects"
    awk -v url="$endpoint/$s3_bucket" -v file="$(media 1024)" 'NR > 1 { print "next" } {
        printf "url = \"%s/%s\"\nupload-file = \"%s\"\noutput = /dev/null\n", url, $1, file
        print "aws-sigv4 = aws:amz:us-east-1:s3\nuser = custodeaccess:custodesecret"
        print "header = \"x-amz-content-sha256: UNSIGNED-PAYLOAD\"" }' "$keys" >"$root/plant"
    many "$root/plant" >/dev/null
    sql "update jobs set created_at = now(), input_ref = 'users/' || user_id || '/jobs/' || id || '/input/original.wav'
        where created_at = 'epoch'"
    sql "vacuum analyze"
    collection=("${settings[@]}" CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY=0s)
    ours() {
        collect
        [ "$(member live)" -ge 100000 ] || fail "not all objects were found alive: $report"
        awk -v listed="$(member listed)" -v seconds="$(member seconds)" 'BEGIN { printf "%.1f\n", listed / seconds }'
    }
    # The pages one after another over one connection; where each begins is known beforehand.
    awk -v url="$endpoint/$s3_bucket?list-type=2&max-keys=1000" 'NR % 1000 == 1 {
        if (NR > 1) print "next"
        printf "url = \"%s%s\"\noutput = /dev/null\n", url, NR == 1 ? "" : "&start-after=" last
        print "aws-sigv4 = aws:amz:us-east-1:s3\nuser = custodeaccess:custodesecret"
        print "header = \"x-amz-content-sha256: UNSIGNED-PAYLOAD\"" } { gsub("/", "%2F"); last = $1 }' "$keys" \
        >"$root/list"
    theirs() {
        local begun
        begun=$(date +%s%N)
        curl -fsS -K "$root/list" || fail "the bucket cannot be listed"
        awk -v nanoseconds=$(($(date +%s%N) - begun)) 'BEGIN { printf "%.1f\n", 100000 / nanoseconds * 1e9 }'
    }
    alternate ours theirs 3
    row "S3: sweep of 100,000 objects / listing them" objects/s curl ">=" 0.8
}
