# shellcheck shell=bash disable=SC2154
# Sourced by scripts/bench: files from before, on the disk of the checkout.

# legacy_site FILES: a site of its own, and in `legacy` so many small files with the rows that refer to them.
legacy_site() {
    local folder=$repository/.local/bench.$$.migration.$1
    mkdir -p "$folder"
    temporary+=("$folder")
    site "$folder"
    # It shall not collect beside what is measured.
    stop_server "$pid"
    legacy=$folder/legacy
    say "  planting $1 files"
    sql "insert into jobs (user_id, type, input_ref) select '$user', 'transcription', g / 1000 || '/' || g || '.wav'
        from generate_series(1, $1) g"
    bench legacy --root "$legacy" --count "$1" --size 16384 >/dev/null
    sql "vacuum analyze"
    sync -f "$folder"
}

# migrate VERB WORDS…: runs custode migrate; notes its JSON in `report`, its seconds in `took`, its memory in `peak`.
migrate() {
    local began migration now
    began=$(date +%s.%N)
    env "${settings[@]}" "$binaries/custode" migrate "$@" --from "dir:$legacy" --report "$root/migrate.jsonl" --json \
        >"$root/report" &
    migration=$!
    peak=0
    # To look at it costs time as well, which is not always to be measured.
    while [ "$1" = plan ] && now=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$migration/status" 2>/dev/null) && [ -n "$now" ]; do
        peak=$now
        sleep 0.02
    done
    wait "$migration" || fail "custode migrate: $(cat "$root/report")"
    took=$(awk -v began="$began" -v ended="$(date +%s.%N)" 'BEGIN { printf "%.2f", ended - began }')
    peak=$(awk -v kib="$peak" 'BEGIN { printf "%.1f", kib / 1024 }')
    report=$(cat "$root/report")
}

migrate_plan() {
    local run times=() most=0
    legacy_site 100000
    for run in 0 1 2 3; do
        migrate plan
        [ "$(member matched)" = 100000 ] || fail "not all files were matched: $report"
        [ "$run" = 0 ] || times+=("$took")
        most=$(awk -v a="$most" -v b="$peak" 'BEGIN { print (a > b ? a : b) }')
        say "  run $run: $took s, $peak MiB"
    done
    figures=("$(printf '%s\n' "${times[@]}" | median)" "")
    row "migration: planning 100,000 files" s - "<" 30
    figures=("$most" "")
    row "memory of that plan (peak)" MiB - "<" 128
}

migrate_apply() {
    local count=5000
    legacy_site "$count"
    # What is removed makes ext4 slow at what comes next: used folders are put away until the end.
    mkdir "$root/used"
    ours() {
        # Put back, and what was copied forgotten, so that each run begins from the same.
        sql "update jobs j set input_ref = x.old_ref from custode.ref_rewrites x where x.new_key = j.input_ref;
            truncate custode.ref_rewrites, custode.objects, custode.outbox, custode.upload_intents, custode.migrations"
        put_away "$bucket/users"
        migrate apply
        [ "$(member copied)" = "$count" ] || fail "not all files were copied: $report"
        awk -v n="$count" -v s="$took" 'BEGIN { print n / s }'
    }
    theirs() {
        local began
        put_away "$root/copy"
        began=$(date +%s.%N)
        cp -r "$legacy" "$root/copy"
        find "$root/copy" -exec sync {} +
        awk -v n="$count" -v began="$began" -v ended="$(date +%s.%N)" 'BEGIN { print n / (ended - began) }'
    }
    put_away() {
        if [ -e "$1" ]; then mv "$1" "$root/used/$(basename "$1").$RANDOM$RANDOM"; fi
        sync -f "$root"
    }
    alternate ours theirs
    row "migration: files of 16 KiB / cp -r with fsync" files/s cp ">=" 0.7
}
