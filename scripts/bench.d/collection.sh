# shellcheck shell=bash disable=SC2154
# Sourced by scripts/bench: the cases of collection, which share one large site on the disk of the checkout.

# A bucket is filled once, and grows from case to case.
jobs_planted=0

# with_jobs N: a site whose bucket holds an input and a transcript of N jobs of a thousand users.
with_jobs() {
    local folder=$repository/.local/bench.$$.collection before=$jobs_planted
    if [ "$before" = 0 ]; then
        mkdir -p "$folder"
        temporary+=("$folder")
        site "$folder"
        # It shall not collect beside what is measured.
        stop_server "$pid"
        sql "insert into users (email) select 'u' || g || '@example.org' from generate_series(1, 1000) g"
        collection=("${settings[@]}" CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY=0s)
    fi
    [ "$1" -gt "$before" ] || return 0
    say "  planting $((2 * ($1 - before))) objects"
    sql "insert into jobs (user_id, type, created_at) select id, 'transcription', 'epoch' from users,
            generate_series(1, $((($1 - before) / 1000))) where email like 'u%'"
    sql "copy (select user_id, id from jobs where created_at = 'epoch') to stdout" |
        "$binaries/custode-bench" plant --root "$bucket" >/dev/null
    sql "insert into artifacts (job_id, kind, storage_ref) select id, 'transcript',
            'users/' || user_id || '/jobs/' || id || '/output/transcript.txt' from jobs where created_at = 'epoch'"
    sql "update jobs set created_at = now(), input_ref = 'users/' || user_id || '/jobs/' || id || '/input/original.wav'
        where created_at = 'epoch'"
    sql "vacuum analyze"
    jobs_planted=$1
}

# collect WORDS…: runs custode gc and notes its JSON in `report`, and in `peak` its largest resident memory in MiB.
collect() {
    local collector now
    env "${collection[@]}" "$binaries/custode" gc --json "$@" >"$root/report" &
    collector=$!
    peak=0
    while now=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$collector/status" 2>/dev/null) && [ -n "$now" ]; do
        peak=$now
        sleep 0.05
    done
    wait "$collector" || fail "custode gc: $(cat "$root/report")"
    peak=$(awk -v kib="$peak" 'BEGIN { printf "%.1f", kib / 1024 }')
    report=$(cat "$root/report")
}

member() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" <<<"$report"; }

# sweep_of JOBS TEXT: the median of three sweeps after one, and the memory of the largest.
sweep_of() {
    local run times=() most=0
    with_jobs "$1"
    for run in 0 1 2 3; do
        collect
        [ "$(member live)" = $((2 * $1)) ] || fail "not all objects were found alive: $report"
        [ "$run" = 0 ] || times+=("$(member seconds)")
        most=$(awk -v a="$most" -v b="$peak" 'BEGIN { print (a > b ? a : b) }')
        say "  run $run: $(member seconds) s, $peak MiB"
    done
    figures=("$(printf '%s\n' "${times[@]}" | median)" "")
    row "sweep of $2 objects and rows" s - "<" "$3"
    figures=("$most" "")
    row "memory of that sweep (peak)" MiB - "<" 128
}

sweep() {
    sweep_of 500000 1,000,000 60
    $short || sweep_of 1000000 2,000,000 120
}

# delete_jobs N [SQL]: milliseconds that deleting N jobs takes; rolled back where SQL comes first.
delete_jobs() {
    psql -qAtX "$database" <<SQL | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -n 1
begin;
${2:-}
\\timing on
delete from jobs where id in (select id from jobs order by id limit $1);
\\timing off
rollback;
SQL
}

triggers() {
    with_jobs 100000
    ours() { delete_jobs 10000; }
    theirs() { delete_jobs 10000 "alter table jobs disable trigger user; alter table artifacts disable trigger user;"; }
    alternate ours theirs
    row "deleting 10,000 jobs with triggers / without" ms without "<" 2
}

outbox() {
    local run rates=()
    with_jobs 100000
    for run in 0 1 2 3; do
        sql "delete from jobs where id in (select id from jobs order by id limit 5000)"
        collect --outbox-only
        [ "$(member quarantined)" = 10000 ] || fail "not all was collected: $report"
        [ "$run" = 0 ] || rates+=("$(awk -v s="$(member seconds)" 'BEGIN { print 10000 / s }')")
        say "  run $run: $(member seconds) s for 10000"
    done
    jobs_planted=$((jobs_planted - 20000))
    figures=("$(printf '%s\n' "${rates[@]}" | median)" "")
    row "outbox: objects into quarantine" objects/s - ">=" 1000
}
