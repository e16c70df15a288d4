#!/bin/sh
# Undoes install-program.sh. A configuration that somebody wrote stays.
set -eu

bin=${DESTDIR:-}${PREFIX:-/usr/local}/bin
conf=${DESTDIR:-}/etc/instar.conf

if [ "$(readlink "$bin/qemu-img" || true)" = instar ]; then
  rm -f "$bin/qemu-img"
fi
rm -f "$bin/instar"
if [ -e "$bin/qemu-img.replaced" ] && [ ! -e "$bin/qemu-img" ]; then
  mv "$bin/qemu-img.replaced" "$bin/qemu-img"
fi
if grep -qs '^# Written by make install' "$conf" &&
   [ "$(grep -cv '^#' "$conf")" = 1 ]; then
  rm -f "$conf"
fi
