#!/usr/bin/env bash
# GCC on processors with fused multiply-add: whether a product is rounded before a number is added to it depends on
# whether the function that multiplies was inlined. So a unity build, link-time optimisation or a function that moves into
# a header changes results, without any -ffast-math.
#
# Who trains and wants the same bits from a debug, a release and a unity build, or compares gradients before and after a
# change of headers alone, sees other last digits: here x * x - y with x = 0.1, y = 0.01 is 9.3e-10 apart and 5.2e-10
# together. GCC contracts whatever meets in one function after inlining (-ffp-contract=fast, its default for C++, with
# -std=c++20 as with gnu++20); clang contracts within one expression of the source, and does the same in all builds. Only
# -ffp-contract=off gives GCC's results one meaning, at the price of the fused instruction in own loops.
# Source: the manuals of GCC and clang, -ffp-contract.
# Versions: g++ 12.2 (Debian 12), clang of ziglang 0.15.2; -O2 -march=x86-64-v3 (zig: x86_64_v3).
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet ziglang==0.15.2
printf 'float square(float x) { return x * x; }\n' >square.cpp
cat >main.cpp <<'CPP'
#include <cstdio>
float square(float x);
float rest(float x, float y) { return square(x) - y; }
int main() {
  volatile float x = 0.1f, y = 0.01f;
  std::printf("%.3g\n", rest(x, y));
}
CPP
cat square.cpp main.cpp >both.cpp
clang() { ZIG_GLOBAL_CACHE_DIR="$work/zig" venv/bin/python -m ziglang c++ "$@"; }
tried() {  # NAME COMPILER...
  local name=$1
  shift
  "$@" -O2 square.cpp main.cpp -o apart
  "$@" -O2 both.cpp -o together
  echo "$name: apart $(./apart), together $(./together)"
}
{
  tried "g++" g++ -march=x86-64-v3
  tried "g++ -std=c++20" g++ -std=c++20 -march=x86-64-v3
  tried "g++ -flto" g++ -flto -march=x86-64-v3
  tried "g++ -ffp-contract=off" g++ -ffp-contract=off -march=x86-64-v3
  tried "clang" clang -march=x86_64_v3
} | tee seen
diff - seen <<'EOT'
g++: apart 9.31e-10, together 5.22e-10
g++ -std=c++20: apart 9.31e-10, together 5.22e-10
g++ -flto: apart 5.22e-10, together 5.22e-10
g++ -ffp-contract=off: apart 9.31e-10, together 9.31e-10
clang: apart 9.31e-10, together 9.31e-10
EOT
