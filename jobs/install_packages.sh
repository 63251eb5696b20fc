#!/usr/bin/env bash
# The one list of packages. `install_packages.sh build` is what the programs need; `tests` adds what
# their tests and benchmarks need. Installs what is missing as root or through sudo; without
# either it prints the command and fails.
set -euo pipefail

build=(
  g++ cmake ninja-build pkg-config          # compiler and build
  libopenmpi-dev openmpi-bin                # ranks
  libhdf5-dev libxxhash-dev                 # shards and checkpoints
  libdnnl-dev libopencv-dev                 # matrix products, drawing and contact sheets
  libjpeg-dev libpng-dev libwebp-dev zlib1g-dev  # pictures
  libtiff-dev libgif-dev libarchive-dev     # pictures and tars
  libzip-dev                                # torch archives
  libprotobuf-dev protobuf-compiler         # event files of TensorBoard, ONNX models
  libutf8proc-dev                           # names of classes that look alike
  libfaiss-dev libblas-dev liblapack-dev    # search; OpenBLAS in their place is faster
  libfmt-dev libtomlplusplus-dev libcli11-dev nlohmann-json3-dev
)
tests=(
  libgtest-dev libgmock-dev libbenchmark-dev python3 python3-venv
  patchelf xz-utils                         # the bundle
  clang libclang-rt-dev libomp-dev          # sanitizers, fuzz targets
  man-db bash-completion zsh fish           # manual pages and completions
  dpkg-dev file environment-modules         # the package, the modulefile
  slurm-wlm slurm-wlm-basic-plugins munge   # a Slurm of emulated nodes; no service of it is needed
)

# A report is read in a real browser; elsewhere the package is an empty one, and the test is skipped.
if grep -qsx ID=debian /etc/os-release; then tests+=(chromium fonts-dejavu-core); fi

case "${1:-}" in
  build) wanted=("${build[@]}") ;;
  tests) wanted=("${build[@]}" "${tests[@]}") ;;
  *) echo "usage: $0 build|tests" >&2; exit 2 ;;
esac

command -v dpkg-query >/dev/null || {
  echo "This machine has no dpkg. Install what these Debian packages hold, then run the build" \
    "by hand (docs/testing.md): ${wanted[*]}" >&2
  exit 1
}
missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
    missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "packages: all ${#wanted[@]} are there"
  exit 0
fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  # Without a terminal sudo could wait for a password that nobody types.
  if command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
    as_root=(sudo)
  else
    echo "Packages are missing and this is neither root nor a user with sudo. Have someone run:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
fi
echo "packages: installing ${missing[*]}"
"${as_root[@]}" apt-get -q update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get -q install -y --no-install-recommends "${missing[@]}"
