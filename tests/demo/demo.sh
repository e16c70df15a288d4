#!/bin/sh
# Shows the whole of instar on one image: makes a qcow2 chain with the real
# qemu-img and qemu-io, converts it to raw through the sandbox, in each jail,
# and compares the bytes with what the real qemu-img makes of it.
set -eu

program=$PWD/build/instar
work=$PWD/build/demo
rm -rf "$work"
mkdir -p "$work"
cd "$work"
# Under this name instar is qemu-img.
ln -s "$program" qemu-img

now_ms() {
  echo $(($(date +%s%N) / 1000000))
}

# Runs "$@" and leaves its wall time in $elapsed_ms.
timed() {
  start=$(now_ms)
  "$@"
  elapsed_ms=$(($(now_ms) - start))
}

fill() {  # bytes of text that packs well
  yes "The quick brown fox jumps over the lazy dog." | head -c "$1"
}

io() {
  qemu-io -f qcow2 "$@" > /dev/null
}

# The first qemu-img of $PATH that is not instar itself, installed.
find_real() {
  for folder in $(printf %s "$PATH" | tr : ' '); do
    if [ -x "$folder/qemu-img" ] &&
       [ "$(basename "$(readlink -f "$folder/qemu-img")")" != instar ]; then
      echo "$folder/qemu-img"
      return
    fi
  done
}

real=$(find_real)
if [ -z "$real" ]; then
  echo "demo: no qemu-img is installed to compare with" >&2
  exit 1
fi
real_version=$("$real" --version |
               sed -n '1s/^qemu-img version \([0-9.]*\).*/\1/p')

echo "1. Making a backing chain with the real qemu-img $real_version"
head -c 64M /dev/urandom > random.bin
fill 32M > text.bin
"$real" create -q -f qcow2 base.qcow2 1G
io -c 'write -s random.bin 0 64M' -c 'write -P 0x5a 200M 40M' base.qcow2
"$real" create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2 1G
io -c 'write -c -s text.bin 16M 32M' \
   -c 'write -z 210M 10M' \
   -c 'write -s random.bin 400M 64M' \
   -c 'write -P 0x11 1023M 64k' top.qcow2
rm random.bin text.bin
echo "   base.qcow2   data, holes"
echo "   top.qcow2    data, compressed clusters, zero clusters, holes;" \
     "backed by base.qcow2"
echo

echo "2. What the sandbox finds in it: qemu-img info top.qcow2"
INSTAR_QEMU_VERSION=$real_version ./qemu-img info top.qcow2 > info.ours
"$real" info top.qcow2 > info.real
sed 's/^/   /' info.ours
if cmp -s info.ours info.real; then
  echo "   (the real qemu-img prints the same, byte for byte)"
else
  echo "   DIFFERENT from the real qemu-img:"
  diff info.real info.ours | sed 's/^/   /'
  exit 1
fi
echo

echo "3. qemu-img convert -O raw top.qcow2, 1 GiB"
# Once unmeasured, so that every measured run finds the files in memory.
"$real" convert -O raw top.qcow2 real.raw
timed "$real" convert -O raw top.qcow2 real.raw
sum=$(sha256sum < real.raw | cut -c 1-16)
printf '   %-26s %6d ms   sha256 %s…\n' "the real qemu-img" "$elapsed_ms" "$sum"

status=0
for jail in kvm process; do
  if [ $jail = kvm ] && ! { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }; then
    printf '   %-26s         (no access to /dev/kvm here)\n' "instar, kvm jail"
    continue
  fi
  export INSTAR_JAIL=$jail
  rm -f ours.raw
  timed ./qemu-img convert -O raw top.qcow2 ours.raw
  sum=$(sha256sum < ours.raw | cut -c 1-16)
  if cmp ours.raw real.raw; then
    verdict=identical
  else
    verdict=DIFFERENT
    status=1
  fi
  printf '   %-26s %6d ms   sha256 %s…  %s\n' \
    "instar, $jail jail" "$elapsed_ms" "$sum" "$verdict"
done
echo
if [ $status = 0 ]; then
  rm -f ./*.raw
  echo "The bytes are equal. build/instar is one static file:"
  ls -lh "$program" | sed 's/^/   /'
else
  echo "The bytes differ; the files are in build/demo." >&2
fi
exit $status
