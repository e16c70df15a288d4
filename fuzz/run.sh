#!/bin/sh
# Runs one fuzzer for a while, from what it knows already: its corpus in
# build/fuzz/corpus, which begins with the seeds of the conformance tests, and
# the inputs of fuzz/regressions. Fails if it finds something, and says where
# the input is.
#
#   fuzz/run.sh build/fuzz/format_qcow2 20
set -eu
target=$1
seconds=$2
name=$(basename "$target")
name=${name#format_}
name=${name%_fuzz}
corpus=build/fuzz/corpus/$name
found=build/fuzz/found/$name
mkdir -p "$corpus" "$found"

log=build/fuzz/$name.log
extra=
[ -d "fuzz/regressions/$name" ] && extra=fuzz/regressions/$name
if "$target" -max_total_time="$seconds" -max_len=70000 -timeout=10 \
     -rss_limit_mb=1024 -artifact_prefix="$found/" -print_final_stats=1 \
     "$corpus" $extra > "$log" 2>&1; then
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  echo "fuzz: $name: $runs runs in $seconds s, nothing found"
else
  tail -n 40 "$log"
  echo "fuzz: $name: FOUND something; the input is in $found"
  exit 1
fi
