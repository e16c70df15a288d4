#!/bin/sh
# Installs the Debian packages that a step needs. Says nothing where they are
# all there, and then neither needs root nor the network.
#
#   install-packages.sh build test     what `make demo` and `make test` need
#   install-packages.sh lint           what `make lint` and `make fuzz-smoke` add
set -eu

build='g++ gcc binutils protobuf-compiler libprotobuf-dev nanopb
       libnanopb-dev python3 python3-protobuf zlib1g-dev libzstd-dev
       libdeflate-dev'
test='libgtest-dev python3 qemu-utils'
lint='clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev'

wanted=
for set in "$@"; do
  case $set in
    build) wanted="$wanted $build" ;;
    test) wanted="$wanted $test" ;;
    lint) wanted="$wanted $lint" ;;
    *) echo "setup: no package set is called '$set'" >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: this is no Debian; the build needs what these Debian packages" \
       "hold:" $wanted >&2
  exit 0
fi

# `dpkg-query` fails when it does not know one of the names: then it is missing.
present=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted \
          2>/dev/null || true)
missing=
for package in $wanted; do
  case "
$present
" in
    *"
$package installed
"*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: these packages are missing, and installing them takes root" \
         "or sudo:$missing" >&2
    exit 1
  fi
  as_root='sudo'
fi

apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq \
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 \
    -o Dpkg::Use-Pty=0 "$@"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "setup: installing$missing"
# A machine that never asked for the package lists, or asked long ago, fails
# the first time.
if apt install -y --no-install-recommends $missing >"$log" 2>&1 ||
   { apt update >>"$log" 2>&1 &&
     apt install -y --no-install-recommends $missing >>"$log" 2>&1; }; then
  exit 0
fi
echo "setup: apt-get could not install the packages; it said:" >&2
cat "$log" >&2
exit 1
