#!/usr/bin/env bash
# GCC takes -ffp-contract=off from a precompiled header instead of from the command line, as soon as one function of the
# file has options of its own; CMake's REUSE_FROM makes such headers.
#
# A header that was precompiled without the option is valid: -Winvalid-pch, which CMake adds, is silent, and the options of
# the target that reuses it are on the command line and in compile_commands.json. But a precompiled header brings the
# default options of functions along. As long as no function differs from the default, nobody looks at it; after the first
# one with an attribute or a pragma "optimize", all others are compiled by the header's. So one of two files of a target
# fuses products and sums, on one compiler. Give targets that round exactly a header of their own.
# Source: GCC 12, c-family/c-pch.cc: what must match is -fexceptions and the target's options; function.cc,
# invoke_set_current_function_hook: back to optimization_default_node, one of the trees that the header has replaced. The
# manual's "Using Precompiled Headers" asks for the same options and lists exceptions, of which this is none; CMake says of
# REUSE_FROM that options must be equal, and does not check.
# Versions: g++ 12.2 (Debian 12), CMake 3.31.6; -O2 -march=x86-64-v3.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet cmake==3.31.6 ninja==1.11.1.4
cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(exact CXX)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -march=x86-64-v3")
add_library(usual OBJECT empty.cpp)
target_precompile_headers(usual PRIVATE <vector>)
foreach(file plain mixed)
  foreach(headers none own reused)
    add_executable(${file}_${headers} ${file}.cpp)
    target_compile_options(${file}_${headers} PRIVATE -ffp-contract=off)
  endforeach()
  target_precompile_headers(${file}_own PRIVATE <vector>)
  target_precompile_headers(${file}_reused REUSE_FROM usual)
endforeach()
CMAKE
touch empty.cpp
cat >plain.cpp <<'CPP'
#include <cstdio>
float rest(float x, float y) { return x * x - y; }
int main() {
  volatile float x = 0.1f, y = 0.01f;
  std::printf("%.3g\n", rest(x, y));
}
CPP
{ echo '__attribute__((optimize("no-tree-vectorize"))) int other(int x) { return x + 1; }'; cat plain.cpp; } >mixed.cpp
PATH=$work/venv/bin:$PATH cmake -G Ninja -B build -DCMAKE_BUILD_TYPE=Release . >log
PATH=$work/venv/bin:$PATH cmake --build build >>log
{
  echo "compiled with -ffp-contract=off: $(grep -c -- '-ffp-contract=off.*\(plain\|mixed\).cpp' <(venv/bin/ninja -C build -t commands))"
  echo "warnings: $(grep -c warning log || true)"
  for file in plain mixed; do
    for headers in none own reused; do echo "$file, $headers: $(build/${file}_$headers)"; done
  done
} | tee seen
diff - seen <<'EOT'
compiled with -ffp-contract=off: 6
warnings: 0
plain, none: 9.31e-10
plain, own: 9.31e-10
plain, reused: 9.31e-10
mixed, none: 9.31e-10
mixed, own: 9.31e-10
mixed, reused: 5.22e-10
EOT
