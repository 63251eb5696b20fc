#!/usr/bin/env bash
# Configures build/PRESET, whatever an earlier command left there:
#   configure.sh PRESET all         everything that the preset says
#   configure.sh PRESET programs    without tests, benchmarks and CUDA, unless the folder has them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[[ $# == 2 && $2 =~ ^(all|programs)$ ]] || { echo "usage: $0 PRESET all|programs" >&2; exit 2; }
preset=$1 parts=$2
cache=build/$preset/CMakeCache.txt
log=build/$preset.configure.log
mkdir -p build

# cached NAME: its value in the folder, if any.
cached() {
  sed -n "s/^$1:[A-Z]*=//p" "$cache" 2>/dev/null || true
}

configure() {
  local options=() launcher name
  # Another launcher would compile every file anew; one that is gone would fail every file.
  launcher=$(cached CMAKE_CXX_COMPILER_LAUNCHER)
  if [[ ! -e $cache || $launcher =~ (^|;)ccache$ ]] || ! command -v "$launcher" >/dev/null; then
    launcher=
    # Without this word ccache compiles every file that has precompiled headers anew.
    if command -v ccache >/dev/null; then
      launcher='cmake;-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;ccache'
    fi
  fi
  options+=("-DCMAKE_CXX_COMPILER_LAUNCHER=$launcher")
  if [[ $parts == programs ]]; then
    for name in IJEPA_TESTS IJEPA_BENCHMARKS IJEPA_CUDA; do
      options+=("-D$name=$(cached $name | grep . || echo OFF)")
    done
  fi
  cmake --preset "$preset" "${options[@]}" >"$log" 2>&1
}

# What a build lacks is worth a word, though the rest of the log is not.
lost() {
  grep "^Built without" "$log" || true
}

if configure; then lost; exit 0; fi
# CMake keeps what it once found: a generator, the place of the sources, compilers, packages. Objects
# stay when it forgets that, so little is compiled again.
if [[ -e $cache ]]; then
  echo "build/$preset does not fit any more and is configured anew: $(grep -m 1 -A 2 'CMake Error' "$log" | tr -s ' \n' ' ')"
  rm -rf "$cache" "build/$preset/CMakeFiles"
  if configure; then lost; exit 0; fi
fi
cat "$log" >&2
exit 1
