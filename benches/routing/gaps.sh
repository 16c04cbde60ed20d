#!/usr/bin/env bash
# The table of gaps to the best known solutions (benches/routing/README.md).
#   ROUTING_SECONDS=10 ROUTING_SEEDS="1 2 3" benches/routing/gaps.sh DIR [INSTANCE ..]
# DIR holds solomon/*.txt, homberger/*.txt and bks.csv (instance,customers,capacity,vehicles,distance,..).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

[ $# -ge 1 ] || { sed -n '2,4s/^# //p' "$0"; exit 2; }
data=$1
shift
seconds=${ROUTING_SECONDS:-10}
seeds=${ROUTING_SEEDS:-1}
callout=${CALLOUT_BINARY:-target/release/callout}
[ -x "$callout" ] || ${CARGO:-cargo} build --release --locked
solomon="C104 R104 R112 RC103 RC106 R203 R208 RC203"
large="R1_2_5 RC1_4_5 R2_6_5 R1_10_1"
instances=${*:-$solomon $large}

member() { sed -n "s/^  \"$2\": *\([0-9.]*\).*/\1/p" <<<"$1"; }
echo "| instance | best known | mean of seeds | gap % | vehicles | rounds |"
echo "|---|---|---|---|---|---|"
gaps=
for name in $instances; do
    file=$(find "$data" -name "$name.txt" | head -n 1)
    best=$(awk -F, -v name="$name" '$1 == name { print $5 }' "$data/bks.csv")
    sum=0
    count=0
    for seed in $seeds; do
        told=$("$callout" route solve "$file" --format solomon --seconds "$seconds" --seed "$seed" --json)
        sum=$(awk -v a="$sum" -v b="$(member "$told" distance)" 'BEGIN { print a + b }')
        count=$((count + 1))
    done
    row=$(awk -v s="$sum" -v n="$count" -v b="$best" 'BEGIN { m = s / n; printf "%.1f %.3f", m, 100 * (m / b - 1) }')
    gaps+="${row#* } "
    echo "| $name | $best | ${row% *} | ${row#* } | $(member "$told" vehicles) | $(member "$told" iterations) |"
done
awk -v gaps="$gaps" 'BEGIN { n = split(gaps, g, " "); for (i = 1; i <= n; i++) s += g[i]; printf "\nmean gap of %d: %.3f %%\n", n, s / n }'
