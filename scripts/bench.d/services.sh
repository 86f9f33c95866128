# shellcheck shell=bash disable=SC2154
# Sourced by scripts/bench: what it starts, and how that is stopped.

# The process ids of the servers, and the folders of the Postgres clusters, to be stopped at exit.
servers=()
clusters=()

free_port() {
    local port
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return; fi
    done
}

# wait_for URL LOG: until it answers 200, for half a minute.
wait_for() {
    local try
    for ((try = 0; try < 300; try++)); do
        if curl -fs -o /dev/null "$1"; then return; fi
        sleep 0.1
    done
    tail -n 20 "$2" >&2
    fail "nothing answers at $1"
}

# stop_server PID: SIGTERM, and SIGKILL after ten seconds.
stop_server() {
    local try
    kill "$1" 2>/dev/null || return 0
    for ((try = 0; try < 100; try++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
}

stop_everything() {
    local one
    for one in "${servers[@]}"; do stop_server "$one"; done
    for one in "${clusters[@]}"; do "$scripts/postgres" stop "$one" immediate || true; done
    stop_rgw
    rm -rf "${temporary[@]}"
}

# site ROOT: a Postgres, a bucket and a Custode of their own; sets root, bucket, database, user.
site() {
    root=$1 bucket=$1/bucket
    mkdir -p "$bucket"
    mkdir -m 700 "$root/state"
    printf 'bench:%s:delegate,artifacts\n' "$(printf %s "$key" | sha256sum | cut -d ' ' -f 1)" >"$root/keys"
    chmod 600 "$root/keys"
    clusters+=("$root/postgres")
    database=$("$scripts/postgres" start "$root/postgres")
    [ "$(sql 'show fsync') $(sql 'show synchronous_commit')" = 'on on' ] || fail "this Postgres is not durable"
    psql -qX "$database" -f "$scripts/saas-schema.sql" >/dev/null
    user=$(sql "insert into users (email) values ('bench@example.org') returning id")
    settings=(CUSTODE_DATABASE_URL="$database" CUSTODE_BUCKET="${bucket_setting:-file://$bucket}"
        CUSTODE_S3_ACCESS_KEY=custodeaccess CUSTODE_S3_SECRET_KEY=custodesecret CUSTODE_STATE_DIR="$root/state"
        CUSTODE_SERVICE_KEYS="$root/keys" CUSTODE_POLICY="$repository/policies/storage.yaml"
        CUSTODE_POLICY_UPLOADS_MAX_OPEN_PER_USER=1000 CUSTODE_LOG_LEVEL=warning)
    (cd "$root" && env "${settings[@]}" "$binaries/custode" schema install >"$root/schema.log" 2>&1) ||
        { cat "$root/schema.log" >&2; fail "custode schema install"; }
    pid=''
    serve
}

# serve: a fresh Custode for the current site, on new ports, in the place of the one before; sets url, admin, pid.
serve() {
    local port admin_port
    [ -z "$pid" ] || stop_server "$pid"
    port=$(free_port) admin_port=$(free_port)
    url=http://127.0.0.1:$port admin=http://127.0.0.1:$admin_port
    (cd "$root" && exec env "${settings[@]}" CUSTODE_LISTEN="127.0.0.1:$port" \
        CUSTODE_ADMIN_LISTEN="127.0.0.1:$admin_port" "$binaries/custode" serve) >"$root/custode.log" 2>&1 &
    pid=$!
    servers+=("$pid")
    wait_for "$admin/readyz" "$root/custode.log"
}

# nginx_beside: the peer, serving the same bucket; sets peer and nginx_home.
nginx_beside() {
    local port account=
    port=$(free_port) peer=http://127.0.0.1:$port nginx_home=$root/nginx
    if [ "$(id -u)" = 0 ]; then account='user root;'; fi
    mkdir -p "$nginx_home/put"
    sed -e "s|@USER@|$account|; s|@PORT@|$port|; s|@HOME@|$nginx_home|; s|@BUCKET@|$bucket|" \
        -e "s|@SECRET@|$secret|; s|@BODY_BUFFER@|1m|" "$scripts/bench.d/nginx.conf" >"$nginx_home/nginx.conf"
    nginx -e "$nginx_home/error.log" -c "$nginx_home/nginx.conf" &
    servers+=("$!")
    wait_for "$peer/v1/" "$nginx_home/error.log"
}

sql() { psql -qAtX "$database" -c "$1"; }

# new_jobs N: makes N jobs of the user and prints their ids.
new_jobs() {
    sql "insert into jobs (user_id, type, status)
        select '$user', 'transcription', 'queued' from generate_series(1, $1) returning id"
}

# as_service: the headers of a call by the API, for curl and wrk (-H) and for our own tools (--header).
as_service() {
    printf '%s\n' "$1" "Authorization: Bearer $key" "$1" "Custode-User: $user"
}
