#!/bin/sh
# Runs docs/export/*.sql on a PostgreSQL of its own, with tables of the gateway's shape, and leaves older.jsonl, newer.jsonl
# and accounts.jsonl in the folder $1. Says "skipped: why" where there is no PostgreSQL (.ci/run installs Debian's).
set -eu
out=$1
here=$(cd "$(dirname "$0")" && pwd)
export LC_ALL=C.UTF-8
find_bin() {
    for bin in /usr/lib/postgresql/*/bin "$(dirname "$(command -v initdb 2>/dev/null || echo /)")"; do
        [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] && echo "$bin" && return
    done
    return 0
}
bin=$(find_bin)
command -v psql >/dev/null || bin=""
[ -n "$bin" ] || { echo "skipped: no PostgreSQL here (Debian: apt-get install postgresql)"; exit 0; }
dir=$(mktemp -d)
as=""
if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || { echo "skipped: no user postgres to run a server as"; exit 0; }
    chown postgres "$dir"
    as="runuser -u postgres --"
fi
trap '$as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
cd "$dir"
$as "$bin/initdb" -D "$dir/data" -U test -A trust >"$dir/initdb.log" 2>&1
$as "$bin/pg_ctl" -D "$dir/data" -w -o "-k $dir -c listen_addresses=''" -l "$dir/server.log" start >/dev/null
query() { psql -X -q -v ON_ERROR_STOP=1 -h "$dir" -U test "$@"; }
for version in older newer; do
    query -d postgres -c "CREATE DATABASE $version"
    query -d $version -v NEWER=$([ $version = newer ] && echo 1 || echo 0) -f "$here/schema.sql" >/dev/null
    query -d $version -v from="'2026-08-01T00:00Z'" -v to="'2026-08-02T00:00Z'" -v platform="'openai'" \
        -v salt="'a secret'" -At -f "$here/../../docs/export/sub2api-export.sql" >"$out/$version.jsonl"
done
query -d newer -At -f "$here/../../docs/export/sub2api-export-accounts.sql" >"$out/accounts.jsonl"
echo done
