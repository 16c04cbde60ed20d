#!/usr/bin/env bash
# The speed table: each figure beside its ceiling, measured in the same run (protocol: benches/README.md).
#   BENCH_SECONDS=20 BENCH_RUNS=3 BENCH_CLIENTS=64 BENCH_DIR=/tmp benches/run.sh
# BENCH_COUNTRY="--open 10000 --closed 100000" makes a smaller country for restart, passivated and memory;
# BENCH_JSON=FILE keeps every detail of those rows.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo=${CARGO:-cargo}
seconds=${BENCH_SECONDS:-20}
runs=${BENCH_RUNS:-3}
clients=${BENCH_CLIENTS:-64}
boston=${BENCH_DATA:-../shared/data}
folder=$(mktemp -d -p "${BENCH_DIR:-/tmp}")
server=

stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; server=; } || true; }
trap 'stop; rm -rf "$folder"' EXIT

$cargo build --release --locked
built() { $cargo bench --locked --bench "$1" --no-run 2>&1 | sed -n "s/.*(\(.*$1-[0-9a-f]*\)).*/\1/p" | tail -1; }
ceiling=$(built ceiling)
spine=$(built spine)
callout=target/release/callout
# The generator has the last core to itself; the server has what is left of all of them.
pin=()
command -v taskset >/dev/null && [ "$(nproc)" -gt 1 ] && pin=(taskset -c "$(($(nproc) - 1))")

field() { sed -n "s/.*\"$2\": *\([0-9.]*\).*/\1/p" <<<"$1"; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }
# CPU seconds a process has used.
cpu() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"; }

# start LOG COMMAND...: runs a server in the background and sets $url once it listens.
start() {
    local log=$1
    shift
    # Emptied first: the line of the server before must not be taken for this one's.
    : >"$log"
    "$@" >"$log" 2>"$log.err" &
    server=$!
    until url=$(sed -n 's/^listening on //p' "$log") && [ -n "$url" ]; do
        kill -0 "$server" 2>/dev/null || { cat "$log.err" >&2; exit 1; }
        sleep 0.05
    done
}

# regions N FILE: N strips that cover the places the generator falls back to.
regions() {
    awk -v n="$1" 'BEGIN {
        printf "{\"type\":\"FeatureCollection\",\"features\":["
        for (i = 0; i < n; i++) {
            w = -71.15 + 0.12 * i / n; e = -71.15 + 0.12 * (i + 1) / n
            printf "%s{\"type\":\"Feature\",\"properties\":{\"id\":\"strip-%02d\",\"name\":\"Strip %d\",\"time_zone\":\"America/New_York\"},", (i ? "," : ""), i, i
            printf "\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[%.6f,42.25],[%.6f,42.25],[%.6f,42.37],[%.6f,42.37],[%.6f,42.25]]]}}", w, e, e, w, w
        }
        print "]}"
    }' >"$2"
}

# ceiling_run NAME BYTES: appends BYTES a ticket (0: the body as it came); one line "per_s p99_ms cpu_us_per_ticket" appended to $folder/NAME.
ceiling_run() {
    start "$folder/log" "$ceiling" --data "$folder/data" --listen 127.0.0.1:0 --record-bytes "$2"
    load "$1" ""
}
# callout_run NAME REGIONS
callout_run() {
    regions "$2" "$folder/regions.geojson"
    "$callout" import regions "$folder/regions.geojson" --data "$folder/data" >/dev/null
    local token
    token=$("$callout" token issue --role clerk --data "$folder/data")
    start "$folder/log" "$callout" serve --data "$folder/data" --listen 127.0.0.1:0
    load "$1" "$token"
}
load() {
    local report before used
    before=$(cpu "$server")
    report=$("${pin[@]}" "$callout" bench intake --server "$url" --token "${2:-none}" --clients "$clients" --seconds "$seconds" --json)
    used=$(awk "BEGIN { print ($(cpu "$server") - $before) * 1e6 / $(field "$report" acked) }")
    [ "$(field "$report" errors)" = 0 ] || echo "$1: $report" >&2
    # What the journal took per ticket, to be appended by the ceiling.
    [ ! -d "$folder/data/cells" ] || bytes=$(awk "BEGIN { print int($(du -sb "$folder/data/cells/main/journal" | cut -f1) / $(field "$report" acked)) }")
    echo "$(field "$report" per_s) $(field "$report" p99_ms) $used" >>"$folder/$1"
    stop
    rm -rf "$folder/data"
}
# One line in $folder/postgres0 (bare) and postgres1 (listed) each, where there is a PostgreSQL.
postgres_run() {
    local tps which
    mapfile -t tps < <(BENCH_SECONDS=$seconds BENCH_CLIENTS=$clients bash benches/postgres.sh || true)
    for which in "${!tps[@]}"; do echo "${tps[which]}" >>"$folder/postgres$which"; done
}
column() { awk -v c="$2" '{ print $c }' "$folder/$1" | median; }

bytes=0
for _ in $(seq "$runs"); do
    callout_run regions26 26
    ceiling_run ceiling "$bytes"
    ceiling_run body 0
    callout_run regions1 1
    postgres_run
done

bare=$(column ceiling 1) bare_p99=$(column ceiling 2)
many=$(column regions26 1) many_p99=$(column regions26 2) many_cpu=$(column regions26 3)
one=$(column regions1 1) one_cpu=$(column regions1 3)
echo
echo "| figure | Callout | against | ratio | to reach |"
echo "|---|---|---|---|---|"
echo "| durable intake, $clients clients, 26 regions, tickets/s | $many | $bare (bare axum + redb, the same $bytes bytes a ticket) | $(ratio "$many" "$bare") | ≥ 0.5 |"
echo "| its p99, ms | $many_p99 | $bare_p99 (the same) | $(ratio "$many_p99" "$bare_p99") | ≤ 3 |"
body=$(column body 1) body_p99=$(column body 2)
echo "| the same against bodies as they came, tickets/s; p99, ms | $many; $many_p99 | $body; $body_p99 | $(ratio "$many" "$body"); $(ratio "$many_p99" "$body_p99") | |"
for which in 0 1; do
    what=("a row and a serial key" "with the keys and lists of a ticket")
    [ -s "$folder/postgres$which" ] || continue
    postgres=$(column "postgres$which" 1)
    echo "| the same, tickets/s | $many | $postgres (PostgreSQL, one-statement inserts: ${what[which]}) | $(ratio "$many" "$postgres") | > 1 |"
done
echo "| 26 regions, tickets/s | $many | $one (1 region) | $(ratio "$many" "$one") | ≥ 0.9 |"
echo "| 26 regions, CPU µs per ticket | $many_cpu | $one_cpu (1 region) | $(ratio "$many_cpu" "$one_cpu") | ≤ 1.3 |"

for row in asked offer restart passivated memory recut; do
    # shellcheck disable=SC2086 # flags, several
    "$spine" "$row" --dir "$folder" ${BENCH_COUNTRY:-} >"$folder/row" || echo "| $row | it did not end, see above | – | – | – |"
    cat "$folder/row" >>"${BENCH_JSON:-/dev/null}"
    grep '^|' "$folder/row" || true
done

if [ -f "$boston/requests_boston.csv.gz" ]; then
    report=$("$callout" replay "$boston/requests_boston.csv.gz" --regions "$boston/regions_boston_neighborhoods.geojson" \
        --columns title=category,skills=category_group,lat=latitude,lon=longitude,external_id=id,created_at=created_at \
        --experts-generated 120 --seed 1 --json)
    speed=$(awk "BEGIN { printf \"%.0f\", $(field "$report" tickets) / $(field "$report" wall_s) }")
    echo "| replay of the Boston half-year, tickets/s | $speed | – | – | ≥ 1,000 |"
    echo "| lost, duplicated, hard violations | $(field "$report" lost), $(field "$report" duplicated), $(field "$report" hard_violations) | – | – | 0, 0, 0 |"
fi
