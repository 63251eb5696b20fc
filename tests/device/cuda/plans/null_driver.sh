#!/bin/sh
# usage: null_driver.sh STUB OUT
# Makes OUT/libcuda.so.1, a driver without devices: it takes modules in, so that cuDNN can build
# plans, and answers everything else with "no device". STUB is the toolkit's stub libcuda.so, which
# names the functions.
set -eu
stub=$1 out=$2
answered='cuDriverGetVersion|cuLibrary(LoadData|Unload|GetKernel|GetGlobal)|cuKernel[GS]etAttribute|cuGetErrorString'
mkdir -p "$out"
{
  cat <<'C'
typedef unsigned long size;
int cuDriverGetVersion(int* v) { *v = 13000; return 0; }
int cuLibraryLoadData(void** l) { *l = (void*)16; return 0; }
int cuLibraryUnload(void* l) { return l == 0; }
int cuLibraryGetKernel(void** k) { *k = (void*)16; return 0; }
int cuLibraryGetGlobal(void** p, size* n) { if (p) *p = (void*)16; if (n) *n = 16; return 0; }
int cuKernelGetAttribute(int* v) { *v = 0; return 0; }
int cuKernelSetAttribute(void) { return 0; }
int cuGetErrorString(int e, const char** s) { (void)e; *s = "a driver without devices"; return 0; }
C
  nm -D --defined-only "$stub" | sed -n 's/.* T \(cu[A-Za-z0-9_]*\).*/\1/p' | sort -u |
    grep -v -x -E "$answered" | sed 's/.*/int &(void) { return 100; }/'
} > "$out/null_driver.c"
cc -shared -fPIC -Wl,-soname,libcuda.so.1 "$out/null_driver.c" -o "$out/libcuda.so.1"
