#!/bin/sh
# Installs build/instar and the name qemu-img beside it, and pins the version
# of the qemu-img whose place it takes.
#
# The pin is a line of $DESTDIR/etc/instar.conf, which is left alone where it
# exists. A qemu-img that stood in the very place is kept as
# qemu-img.replaced; uninstall-program.sh puts it back.
set -eu

bin=${DESTDIR:-}${PREFIX:-/usr/local}/bin
conf=${DESTDIR:-}/etc/instar.conf

is_instar() {
  [ "$(basename "$(readlink -f "$1")")" = instar ]
}

# The version that the program $1 calls itself, such as 7.2.22.
version_of() {
  "$1" --version 2>/dev/null |
    sed -n '1s/^qemu-img version \([0-9][0-9.]*[0-9]\).*/\1/p'
}

# The real qemu-img that scripts of this machine have called so far.
replaced_version() {
  for folder in "$bin" $(printf %s "$PATH" | tr : ' '); do
    program=$folder/qemu-img
    if [ -x "$program" ] && ! is_instar "$program"; then
      version_of "$program"
      return
    fi
  done
}

version=$(replaced_version)
mkdir -p "$bin"
if [ -e "$bin/qemu-img" ] && ! is_instar "$bin/qemu-img"; then
  mv "$bin/qemu-img" "$bin/qemu-img.replaced"
fi
install -s -m 755 build/instar "$bin/instar"
ln -sf instar "$bin/qemu-img"
echo "installed $bin/instar and $bin/qemu-img"

if [ -e "$conf" ]; then
  echo "kept      $conf"
elif [ -n "$version" ]; then
  mkdir -p "$(dirname "$conf")"
  cat > "$conf" <<END
# Written by make install: the qemu-img that instar stands in for.
version = $version
END
  echo "pinned    version $version in $conf"
fi
