#!/bin/sh
# Runs one fuzzer for a while, from what it knows already: its corpus in
# build/fuzz/corpus, the inputs of fuzz/regressions, and for format_fuzz a few
# images that the real qemu-img makes. Fails if it finds something, and says
# where the input is.
#
#   fuzz/run.sh build/fuzz/format_fuzz 20
set -eu
target=$1
seconds=$2
name=$(basename "$target" _fuzz)
corpus=build/fuzz/corpus/$name
found=build/fuzz/found/$name
mkdir -p "$corpus" "$found"

# One option byte (see format_fuzz.cc) and a small image.
seed() {
  file=$1
  shift
  [ -e "$corpus/$file" ] && return
  image=$(mktemp)
  qemu-img create -q -f qcow2 -u "$@" "$image" 1M
  qemu-io -f qcow2 -c 'write -P 7 0 8k' "$image" > /dev/null 2>&1 || true
  { printf '\000'; head -c 65536 "$image"; } > "$corpus/$file"
  rm -f "$image"
}
if [ "$name" = format ] && command -v qemu-img > /dev/null; then
  seed v3 -o cluster_size=512
  seed v2 -o compat=0.10,cluster_size=512
  seed extended -o extended_l2=on,cluster_size=16k
  seed backing -o cluster_size=1k -b other -F raw
  seed chain -o cluster_size=1k -b other -F qcow2
  seed zstd -o cluster_size=512,compression_type=zstd
fi

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
