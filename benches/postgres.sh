#!/usr/bin/env bash
# PostgreSQL taking one-statement inserts, durably: a private cluster on loopback in a temporary folder,
# 64 prepared clients. Prints transactions per second of two tables, nothing else: one row of a ticket's
# size with a serial key; and the same with what Callout keeps of a ticket too: a unique idempotency key
# and the lists by phase, phone, e-mail and deadline.
set -euo pipefail
seconds=${BENCH_SECONDS:-20}
clients=${BENCH_CLIENTS:-64}
port=${BENCH_PG_PORT:-54329}

bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1; }

if [ -z "$(bin)" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y postgresql; } >&2
    else
        echo "PostgreSQL is not installed: no row for it" >&2
        exit 3
    fi
fi
bin=$(bin)

# The server refuses to run as root.
as=()
folder=$(mktemp -d -p "${BENCH_DIR:-/tmp}")
if [ "$(id -u)" = 0 ]; then
    chown postgres "$folder"
    as=(runuser -u postgres --)
fi
cd "$folder"
trap '"${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1; cd /; rm -rf "$folder"' EXIT

"${as[@]}" "$bin/initdb" -D "$folder/data" -A trust --no-locale -E UTF8 >/dev/null
# Everything as installed: fsync and synchronous_commit are on.
"${as[@]}" "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" \
    -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$folder" start >/dev/null
psql=("${as[@]}" "$bin/psql" -h 127.0.0.1 -p "$port" -qAt postgres)
"${psql[@]}" -c "create table bare (id bigserial primary key, region int not null, body text not null)"
"${psql[@]}" <<'SQL'
create table listed (id bigserial primary key, region int not null, body text not null, phase smallint not null,
    opened timestamptz not null, due timestamptz not null, idempotency uuid not null unique, phone uuid not null, email uuid not null);
create index on listed (region, phase, opened);
create index on listed (phone);
create index on listed (email);
create index on listed (due);
SQL

cat >"$folder/bare.sql" <<'SQL'
\set region random(1, 26)
insert into bare (region, body) values (:region, :body);
SQL
cat >"$folder/listed.sql" <<'SQL'
\set region random(1, 26)
insert into listed (region, body, phase, opened, due, idempotency, phone, email)
values (:region, :body, 0, now(), now() + interval '1 day', gen_random_uuid(), gen_random_uuid(), gen_random_uuid());
SQL
chmod a+r "$folder"/*.sql
body=$(printf 'x%.0s' $(seq 500))
pin=()
command -v taskset >/dev/null && [ "$(nproc)" -gt 1 ] && pin=(taskset -c "$(($(nproc) - 1))")
for table in bare listed; do
    "${pin[@]}" "${as[@]}" "$bin/pgbench" -h 127.0.0.1 -p "$port" -n -M prepared -c "$clients" -j 1 -T "$seconds" \
        -D "body=$body" -f "$folder/$table.sql" postgres 2>/dev/null | sed -n 's/^tps = \([0-9.]*\).*/\1/p'
done
