#!/usr/bin/env bash
# oneDNN with OpenMP: a reorder runs on as many threads as OpenMP offered when it was planned, even where
# the caller has said omp_set_num_threads(1) since; a matrix product follows the caller.
#
# Who plans once and later calls from threads of his own, each with one OpenMP thread, multiplies alone but packs
# weights with a team, which then waits busily for the next call: right results, twice the processor time,
# more busy threads than cores. Nothing is said. The one that was planned with one thread stays alone,
# whatever is offered later.
# Source: src/cpu/x64/jit_uni_reorder.cpp keeps the number in its plan; the products ask again.
# Versions: onednn-devel-cpu-gomp 2023.2.0 (oneDNN 3.2), any GCC with OpenMP.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet onednn-devel-cpu-gomp==2023.2.0
header=$(find venv -path '*oneapi/dnnl/dnnl.hpp' | head -n 1)
library=$(find venv -name 'libdnnl.so*' | head -n 1)
cat >threads.cpp <<'CPP'
#include <omp.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <oneapi/dnnl/dnnl.hpp>

int main(int, char** argv) {
  const int planned = std::atoi(argv[2]), offered = std::atoi(argv[3]);
  using Desc = dnnl::memory::desc;
  using Tag = dnnl::memory::format_tag;
  const dnnl::memory::dim n = 768;
  const auto single = dnnl::memory::data_type::f32;
  dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const Desc rows({n, n}, single, Tag::ab), columns({n, n}, single, Tag::ba);
  omp_set_num_threads(planned);
  const dnnl::reorder reorder({engine, columns, engine, rows});
  const dnnl::matmul product(dnnl::matmul::primitive_desc(engine, rows, rows, rows));
  omp_set_num_threads(offered);
  dnnl::memory a(rows, engine), b(rows, engine), c(rows, engine), turned(columns, engine);
  if (std::strcmp(argv[1], "reorder") == 0)
    reorder.execute(stream, turned, a);
  else
    product.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}});
  stream.wait();
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  std::printf("%s planned with %d, offered %d: %d thread(s)\n", argv[1], planned, offered,
              static_cast<int>(std::distance(begin(tasks), end(tasks))));
}
CPP
g++ -std=c++17 -O2 -fopenmp -I"$(dirname "$(dirname "$(dirname "$header")")")" threads.cpp "$library" \
  -Wl,-rpath,"$PWD/$(dirname "$library")" -o threads
{ ./threads reorder 2 1; ./threads reorder 1 2; ./threads product 2 1; } | tee seen
diff - seen <<'EOT'
reorder planned with 2, offered 1: 2 thread(s)
reorder planned with 1, offered 2: 1 thread(s)
product planned with 2, offered 1: 1 thread(s)
EOT
