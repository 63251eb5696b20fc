#!/usr/bin/env bash
# One relocatable file of the programs, for a machine of the same processor family without packages
# or root: programs, the GPU check, every shared library but the C library's, Open MPI's own parts
# for ranks on one node, recipes, batch scripts, documents and golden steps. cuBLASLt, cuDNN and NCCL are not in it:
# they are found where it runs (docs/cuda.md).
# usage: bundle.sh [--out FILE.tar.xz] [--bin FOLDER] [--all]
#   --bin FOLDER  pack these programs and build nothing; else they are built into build/release
#   --all         all programs, and so a larger file; else those of pretraining
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=build/ijepa-bundle.tar.xz
bin=
programs=(ijepa-pretrain ijepa-weights ijepa-opcheck bench_ops bench_step)
while (($# > 0)); do
  case $1 in
    --out) out=${2:?a file comes after --out}; shift ;;
    --bin) bin=${2:?a folder comes after --bin}; shift ;;
    --all)
      programs+=(ijepa-shards ijepa-inspect ijepa-synth ijepa-plot ijepa-probe ijepa-classify ijepa-infer
        ijepa-segment ijepa-search ijepa-predict)
      ;;
    *) echo "usage: $0 [--out FILE.tar.xz] [--bin FOLDER] [--all]" >&2; exit 2 ;;
  esac
  shift
done
# OpenCV's codecs bring most of a desktop with them, so without --all only images of ijepa-synth go in.
if [[ -z $bin ]]; then
  bin=build/release/bin
  bash jobs/install_packages.sh tests
  bash jobs/configure.sh release all
  cmake --build build/release --target ijepa-synth ijepa-shards "${programs[@]}"
fi
for program in ijepa-synth ijepa-shards "${programs[@]}"; do
  [[ -x $bin/$program ]] || { echo "$0: there is no program $bin/$program; build it first." >&2; exit 1; }
done
command -v patchelf >/dev/null || {
  echo "$0: patchelf is missing: bash jobs/install_packages.sh tests installs it." >&2
  exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work" "$out.part"' EXIT
root=$work/ijepa
mkdir -p "$root"/{bin,libexec,lib,check}

# The C library's own parts come with every Linux, and must fit its loader.
c_library='^(linux-vdso|ld-linux[^/]*|libc|libm|libdl|libpthread|librt|libresolv|libutil|libanl)\.so'

# add_libraries FILE...: what they need, directly or not, into lib/.
add_libraries() {
  local name path
  while read -r name path; do
    [[ $name =~ $c_library || -e $root/lib/$name ]] || install -m 755 "$path" "$root/lib/$name"
  done < <(ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' | sort -u)
  if ldd "$@" | grep -q 'not found'; then
    echo "$0: libraries are missing:" >&2
    ldd "$@" | grep 'not found' | sort -u >&2
    exit 1
  fi
}

for program in "${programs[@]}"; do
  install -s -m 755 "$bin/$program" "$root/libexec/"
done
add_libraries "$root"/libexec/*

# Open MPI loads its parts by name, from folders under its prefix, which OPAL_PREFIX moves. Parts for
# the networks of clusters would bring libraries that only such a cluster needs.
ompi_folder() { ompi_info --parsable --path "$1" | cut -d: -f3; }
prefix=$(ompi_folder prefix)
parts=$root/openmpi$(realpath -m "$(ompi_folder pkglibdir)" | sed "s|^$prefix||")
words=$root/openmpi$(realpath -m "$(ompi_folder pkgdatadir)" | sed "s|^$prefix||")
mkdir -p "$parts" "$words"
cp "$(ompi_folder pkglibdir)"/*.so "$parts/"
rm -f "$parts"/mca_{btl_ofi,btl_openib,btl_uct,btl_usnic,mtl_,pml_cm,pml_ucx,osc_ucx,coll_hcoll}* \
  "$parts"/mca_{spml,atomic,memheap,scoll,sshmem,reachable_netlink,coll_monitoring,osc_monitoring,pml_monitoring}*
cp "$(ompi_folder pkgdatadir)"/help-* "$words/"
install -m 755 "$(readlink -f "$(command -v mpirun)")" "$root/libexec/mpirun"
add_libraries "$root"/libexec/mpirun "$parts"/*.so

for file in "$root"/libexec/* "$root"/lib/* "$parts"/*.so; do
  # RPATH also serves what a library opens at run time; RUNPATH would not.
  path="\$ORIGIN/$(realpath --relative-to="$(dirname "$file")" "$root/lib")"
  patchelf --force-rpath --set-rpath "$path" "$file"
done

# The programs as one calls them: Open MPI must be told where it is now, and that a program alone
# needs no daemon.
for program in "${programs[@]}" mpirun; do
  cat >"$root/bin/$program" <<'EOT'
#!/bin/sh
self=$0
if [ -h "$self" ]; then self=$(readlink -f "$self"); fi
case $self in */*) here=${self%/*}/.. ;; *) here=.. ;; esac
here=$(cd "$here" && pwd)
export OPAL_PREFIX="$here/openmpi" OMPI_MCA_ess_singleton_isolated=1
exec "$here/libexec/${self##*/}" "$@"
EOT
  chmod 755 "$root/bin/$program"
done

# What the GPU check needs beside them, and recipes.
cp -r configs docs LICENSE README.md "$root/"
mkdir "$root/jobs"
cp jobs/*.sbatch jobs/{slurm,chain,sweep_table}.sh "$root/jobs/"
cp tests/gpu_check.sh tests/gpu_check/*.py "$root/check/"
golden=../shared/golden
[[ -d $golden ]] || golden=tests/golden
mkdir "$root/golden"
cp "$golden"/step_*.h5 "$root/golden/"
chmod -R u+w "$root/golden"
{
  "$bin/ijepa-synth" --out "$work/images" --size 64 --train 256 --test 64 &&
    "$bin/ijepa-shards" "$work/images" --out "$root/shards"
} >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
git describe --always --dirty >"$root/VERSION" 2>/dev/null || echo unknown >"$root/VERSION"

mkdir -p "$(dirname "$out")"
# The programs hold the same kernels for GPUs: a window that sees them all keeps one copy.
compress=(xz -T1 --x86 "--lzma2=preset=6,dict=96MiB")
case $out in *.gz) compress=(gzip -1) ;; esac
tar -C "$work" --owner=0 --group=0 -I "${compress[*]}" -cf "$out.part" ijepa
mv "$out.part" "$out"
echo "$out: $(du -m "$out" | cut -f1) MB, unpacked $(du -sm "$root" | cut -f1) MB"
