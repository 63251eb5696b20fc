#!/usr/bin/env bash
# A Debian package of all programs, for the release of Debian or Ubuntu that this machine has:
#   sudo apt install ./ijepa_*.deb
# Libraries come from the distribution, so it is small; jobs/bundle.sh makes one file that needs none.
# usage: package.sh [--out FOLDER] [--build FOLDER]
#   --build FOLDER  package what was built there and build nothing; else build/release is brought up to date
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=build
build=
while (($# > 0)); do
  case $1 in
    --out) out=${2:?a folder comes after --out}; shift ;;
    --build) build=${2:?a folder comes after --build}; shift ;;
    *) echo "usage: $0 [--out FOLDER] [--build FOLDER]" >&2; exit 2 ;;
  esac
  shift
done
for tool in cpack dpkg-shlibdeps file; do
  command -v $tool >/dev/null || { echo "$0: $tool is missing; apt install cmake dpkg-dev file brings it." >&2; exit 1; }
done
if [[ -z $build ]]; then
  build=build/release
  bash jobs/install_packages.sh build
  bash jobs/configure.sh release programs
  cmake --build $build --target programs
fi
# What is not built would be left out without a word.
while read -r program; do
  [[ -x $build/bin/$program ]] || {
    echo "$0: there is no program $build/bin/$program; build the target programs first." >&2
    exit 1
  }
done <"$build/programs.txt"

mkdir -p "$out"
log=$build/package.log
cpack --config "$build/CPackConfig.cmake" -B "$out/package" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
file=$(basename "$out"/package/ijepa_*.deb)
mv "$out/package/$file" "$out/"
rm -rf "$out/package"
echo "$out/$file: $(du -m "$out/$file" | cut -f1) MB; sudo apt install $(realpath "$out/$file")"
