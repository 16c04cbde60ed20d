#!/usr/bin/env bash
# The doors' speed table: the live feed, the experts' channels, a board and a list (protocol: benches/README.md).
#   DOORS_SECONDS=60 DOORS_SUBSCRIBERS=2000 DOORS_EXPERTS=1000 DOORS_TICKETS=1000000 BENCH_DIR=/tmp benches/doors.sh [feed] [experts] [board] [list] [overload]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${DOORS_SECONDS:-60}
subscribers=${DOORS_SUBSCRIBERS:-2000}
experts=${DOORS_EXPERTS:-1000}
tickets=${DOORS_TICKETS:-1000000}
rows=${*:-feed experts board list overload}
folder=$(mktemp -d -p "${BENCH_DIR:-/tmp}")
server=
callout=${CALLOUT_BINARY:-target/release/callout}
[ -x "$callout" ] || ${CARGO:-cargo} build --release --locked
ulimit -n "$(ulimit -Hn)"

stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; server=; } || true; }
trap 'stop; rm -rf "$folder"' EXIT
# The generator has the last core to itself; the server has what is left of all of them.
pin=()
command -v taskset >/dev/null && [ "$(nproc)" -gt 1 ] && pin=(taskset -c "$(($(nproc) - 1))")
field() { sed -n "s/.*\"$2\": *\([0-9.]*\).*/\1/p" <<<"$1"; }
# CPU seconds a process has used.
cpu() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"; }
token() { "$callout" token issue --role "$1" --subject "${2:-bench}" --ttl 24h --data "$folder/data"; }

# town REGIONS EXPERTS: strips side by side, experts spread over them.
town() {
    rm -rf "$folder/data"
    awk -v n="$1" 'BEGIN {
        printf "{\"type\":\"FeatureCollection\",\"features\":["
        for (i = 0; i < n; i++) {
            w = -71.15 + 0.12 * i / n; e = -71.15 + 0.12 * (i + 1) / n
            printf "%s{\"type\":\"Feature\",\"properties\":{\"id\":\"strip-%02d\",\"name\":\"Strip %d\",\"time_zone\":\"America/New_York\"},", (i ? "," : ""), i, i
            printf "\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[%.6f,42.25],[%.6f,42.25],[%.6f,42.37],[%.6f,42.37],[%.6f,42.25]]]}}", w, e, e, w, w
        }
        print "]}"
    }' >"$folder/regions.geojson"
    "$callout" import regions "$folder/regions.geojson" --data "$folder/data" >/dev/null
    [ "$2" -gt 0 ] || return 0
    awk -v n="$2" -v r="$1" 'BEGIN {
        print "id,name,phone,email,skills,home_lat,home_lon,shift,region"
        for (i = 0; i < n; i++)
            printf "e%d,Expert %d,+1617555%04d,,tv:2;network:2;laptop:2;printer:2,42.31,%.6f,mon-sun 00:00-24:00,strip-%02d\n", i, i, i, -71.15 + 0.12 * (i % r + 0.5) / r, i % r
    }' >"$folder/experts.csv"
    "$callout" import experts "$folder/experts.csv" --data "$folder/data" >/dev/null
}

start() {
    : >"$folder/log"
    "$callout" serve --data "$folder/data" --listen 127.0.0.1:0 >"$folder/log" 2>"$folder/log.err" &
    server=$!
    until url=$(sed -n 's/^listening on //p' "$folder/log") && [ -n "$url" ]; do
        kill -0 "$server" 2>/dev/null || { cat "$folder/log.err" >&2; exit 1; }
        sleep 0.05
    done
}

row() { printf '%s\n' "$*"; }

feed() {
    town 4 0
    start
    local before report
    before=$(cpu "$server")
    report=$("${pin[@]}" "$callout" bench feed --server "$url" --token "$(token dispatcher)" --clerk "$(token clerk)" \
        --subscribers "$subscribers" --rate 50 --seconds "$seconds" --json)
    row "feed: $subscribers subscribers, 50 events/s: $report"
    row "feed: CPU of the server $(awk "BEGIN { printf \"%.2f\", ($(cpu "$server") - $before) / $seconds }") cores"
    stop
}

experts() {
    town 4 "$experts"
    start
    local n before report alone beside
    for ((n = 0; n < experts; n++)); do echo "e$n $(token expert "e$n")"; done >"$folder/tokens"
    intake() { "${pin[@]}" "$callout" bench intake --server "$url" --token "$(token clerk)" --clients 16 --seconds 15 --json; }
    before=$(cpu "$server")
    report=$("${pin[@]}" "$callout" bench experts --server "$url" --tokens "$folder/tokens" --every 5 --seconds "$seconds" --json)
    row "experts: $report"
    row "experts: CPU of the server $(awk "BEGIN { printf \"%.3f\", ($(cpu "$server") - $before) / $seconds }") cores"
    for n in 1 2 3; do
        alone=$(intake)
        "$callout" bench experts --server "$url" --tokens "$folder/tokens" --every 5 --seconds 19 --json >"$folder/beside" &
        local apps=$!
        sleep 3
        beside=$(intake)
        wait "$apps"
        row "experts: intake p99 alone $(field "$alone" p99_ms) ms ($(field "$alone" per_s)/s), beside them $(field "$beside" p99_ms) ms ($(field "$beside" per_s)/s)"
    done
    stop
}

# 2,000 tickets that stay open in one region with 100 experts: nobody has their skill.
board() {
    town 1 100
    start
    local clerk n
    clerk=$(token clerk)
    awk 'BEGIN { print "external_id,title,skills,lat,lon"; for (i = 0; i < 2000; i++) printf "b%d,Ticket %d,blender:3,42.31,%.6f\n", i, i, -71.14 + i / 20000 }' >"$folder/tickets.csv"
    "$callout" import tickets "$folder/tickets.csv" --server "$url" --token "$clerk" >/dev/null
    for n in 1 2 3; do
        row "board: $("${pin[@]}" "$callout" bench get --server "$url" --token "$clerk" --path /v1/regions/strip-00/board --seconds 10 --json)"
    done
    stop
}

list() {
    town 26 0
    start
    local clerk n report stored=0
    clerk=$(token clerk)
    while [ "$stored" -lt "$tickets" ]; do
        report=$("${pin[@]}" "$callout" bench intake --server "$url" --token "$clerk" --clients 64 --seconds 10 --json)
        stored=$((stored + $(field "$report" acked)))
    done
    row "list: $stored tickets stored"
    for n in 1 2 3; do
        row "list: $("${pin[@]}" "$callout" bench get --server "$url" --token "$clerk" --path "/v1/tickets?phase=new&region=strip-1$n&limit=50" --seconds 10 --json)"
    done
    stop
}

# Open loop: the rate rises past the peak, the most that is accepted a second. Sustainable is the highest rate of which nothing is
# refused; then twice that is asked for, and for the record twice the peak. Each step has a fresh server.
overload() {
    local rate report accepted sustainable=0 peak=0 n
    flood() {
        town 26 0
        start
        report=$("${pin[@]}" "$callout" bench overload --server "$url" --token "$(token clerk)" --rate "$1" --seconds 15 --json)
        stop
        accepted=$(field "$report" accepted_per_s)
    }
    for rate in ${DOORS_RATES:-10000 14000 18000 20000 22000 24000 26000 28000 30000}; do
        flood "$rate"
        row "overload: $rate/s asked: $report"
        peak=$(awk "BEGIN { print ($accepted > $peak ? $accepted : $peak) }")
        [ "$(field "$report" refused)" != 0 ] || sustainable=$rate
    done
    for n in 1 2 3; do
        flood "$((2 * sustainable))"
        row "overload: twice the sustainable $sustainable/s: $(awk "BEGIN { printf \"%.2f\", $accepted / $peak }") of the peak of $peak/s: $report"
    done
    flood "$(awk "BEGIN { printf \"%d\", 2 * $peak }")"
    row "overload: twice the peak of $peak/s: $(awk "BEGIN { printf \"%.2f\", $accepted / $peak }") of it accepted: $report"
}

for name in $rows; do "$name"; done
