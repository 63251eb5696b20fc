// Operations at the shapes of real models, each as a share of what this machine can do: the peak of
// a large matrix product for arithmetic, a large copy for memory, both measured first in this run.
//   bench_ops [--device cuda] [--threads N] [--product-algorithms FILE] [Google Benchmark's
//   options]
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "ijepa/device/counting_ops.hpp"
#include "ijepa/device/null_ops.hpp"
#include "ijepa/device/peak.hpp"

namespace ijepa {
namespace {

enum class Limit : std::uint8_t { arithmetic, memory };

/// Tensors of a benchmark, of random numbers.
class Operands {
 public:
  explicit Operands(Device& device) : device_(device) {}
  Tensor make(DType type, std::initializer_list<std::int64_t> shape) {
    Tensor t = make_tensor(nullptr, type, shape);
    buffers_.emplace_back(device_, t.bytes());
    t.data = buffers_.back().data();
    fill_random(device_.ops(), t);
    return t;
  }

  void zero(Tensor t) { device_.ops().fill_zero(t); }

 private:
  Device& device_;
  std::vector<Buffer> buffers_;
};

using Call = std::function<void(Ops&)>;
/// Makes operands, returns the call to time.
using Setup = std::function<Call(Operands&)>;

struct Suite {
  Device& device;
  Peak peak;
  bool by_clock;  // one thread is timed by what it had of the processor, which may be shared

  void add(const std::string& name, DType type, Limit limit, const Setup& setup) const {
    auto* added = benchmark::RegisterBenchmark(
        fmt::format("{}/{}", name, name_of(type)).c_str(),
        [this, type, limit, setup](benchmark::State& state) { run(state, type, limit, setup); });
    added->Unit(benchmark::kMicrosecond);
    if (by_clock) added->UseRealTime();
  }

  void run(benchmark::State& state, DType type, Limit limit, const Setup& setup) const {
    Operands operands(device);
    const Call call = setup(operands);
    NullOps null;
    CountingOps counting(null);
    call(counting);
    call(device.ops());
    device.ops().synchronize();
    // A GPU takes longer to be waited for than for a small call, so calls are waited for in rows.
    const int calls = device.memory_is_host() ? 1 : 20;
    while (state.KeepRunningBatch(calls)) {
      for (int i = 0; i < calls; ++i) call(device.ops());
      device.ops().synchronize();
    }
    const auto rate = [&](double amount) {
      return benchmark::Counter(amount, benchmark::Counter::kIsIterationInvariantRate);
    };
    const OpCount count = counting.total();
    if (limit == Limit::arithmetic) {
      state.counters["GFLOP/s"] = rate(1e-9 * count.flops);
      state.counters["%peak"] = rate(1e-7 * count.flops / peak.gflops(type));
    } else {
      state.counters["GB/s"] = rate(1e-9 * count.bytes);
      state.counters["%bandwidth"] = rate(1e-7 * count.bytes / peak.gbytes);
    }
  }
};

void add_linear(const Suite& suite, const std::string& model, std::int64_t m, std::int64_t n,
                std::int64_t k) {
  for (const auto type : {DType::f32, DType::bf16}) {
    const auto name = [&](const char* op) {
      return fmt::format("{}/{}/{}x{}x{}", op, model, m, n, k);
    };
    suite.add(name("linear_forward"), type, Limit::arithmetic, [=](Operands& o) -> Call {
      const auto x = o.make(type, {m, k}), w = o.make(type, {n, k}), y = o.make(type, {m, n});
      const auto b = o.make(DType::f32, {n});
      return [=](Ops& ops) { ops.linear_forward(x, w, b, y); };
    });
    suite.add(name("linear_gelu_forward"), type, Limit::arithmetic, [=](Operands& o) -> Call {
      const auto x = o.make(type, {m, k}), w = o.make(type, {n, k}), y = o.make(type, {m, n});
      const auto b = o.make(DType::f32, {n}), pre = o.make(type, {m, n});
      return [=](Ops& ops) { ops.linear_gelu_forward(x, w, b, pre, y); };
    });
    suite.add(name("linear_backward_input"), type, Limit::arithmetic, [=](Operands& o) -> Call {
      const auto dx = o.make(type, {m, k}), w = o.make(type, {n, k}), dy = o.make(type, {m, n});
      return [=](Ops& ops) { ops.linear_backward_input(dy, w, dx); };
    });
    suite.add(
        name("linear_backward_input_gelu"), type, Limit::arithmetic, [=](Operands& o) -> Call {
          const auto dx = o.make(type, {m, k}), w = o.make(type, {n, k}), dy = o.make(type, {m, n}),
                     pre = o.make(type, {m, k}), y = o.make(type, {m, k});
          return [=](Ops& ops) { ops.linear_backward_input_gelu(dy, w, pre, dx, y); };
        });
    suite.add(name("linear_backward_params"), type, Limit::arithmetic, [=](Operands& o) -> Call {
      const auto x = o.make(type, {m, k}), dy = o.make(type, {m, n});
      const auto dw = o.make(DType::f32, {n, k}), db = o.make(DType::f32, {n});
      return [=](Ops& ops) { ops.linear_backward_params(dy, x, dw, db, Write::overwrite); };
    });
  }
}

/// Products without the bias, and with one that an operation of its own adds: what the bias costs
/// within the product, and what the sum of its gradient costs beside it.
void add_bias(const Suite& suite, const std::string& model, std::int64_t m, std::int64_t n,
              std::int64_t k) {
  for (const auto type : {DType::f32, DType::bf16}) {
    const auto name = [&](const char* op) {
      return fmt::format("{}/{}/{}x{}x{}", op, model, m, n, k);
    };
    suite.add(name("no_bias_forward"), type, Limit::arithmetic, [=](Operands& o) -> Call {
      const auto x = o.make(type, {m, k}), w = o.make(type, {n, k}), y = o.make(type, {m, n});
      return [=](Ops& ops) { ops.linear_forward(x, w, {}, y); };
    });
    suite.add(name("bias_apart_forward"), type, Limit::arithmetic, [=](Operands& o) -> Call {
      const auto x = o.make(type, {m, k}), w = o.make(type, {n, k}), y = o.make(type, {m, n});
      const auto b = o.make(DType::f32, {1, n});
      return [=](Ops& ops) {
        ops.linear_forward(x, w, {}, y);
        ops.add_table_rows(y, b, {});
      };
    });
    suite.add(name("no_bias_backward_params"), type, Limit::arithmetic, [=](Operands& o) -> Call {
      const auto x = o.make(type, {m, k}), dy = o.make(type, {m, n});
      const auto dw = o.make(DType::f32, {n, k});
      return [=](Ops& ops) { ops.linear_backward_params(dy, x, dw, {}, Write::overwrite); };
    });
  }
}

void add_attention(const Suite& suite, std::int64_t count, std::int64_t length, std::int64_t heads,
                   std::int64_t dim) {
  const auto rows = count * length, d = heads * dim;
  for (const auto type : {DType::f32, DType::bf16}) {
    const auto name = [&](const char* op) {
      return fmt::format("{}/{}x{}/{}x{}", op, count, length, heads, dim);
    };
    suite.add(name("attention_forward"), type, Limit::arithmetic, [=](Operands& o) -> Call {
      const auto qkv = o.make(type, {rows, 3 * d}), out = o.make(type, {rows, d});
      const auto lse = o.make(DType::f32, {rows, heads});
      return [=](Ops& ops) {
        const SequenceGroup group{count, length};
        ops.attention_forward({qkv}, heads, {&group, 1}, out, lse);
      };
    });
    suite.add(name("attention_backward"), type, Limit::arithmetic, [=](Operands& o) -> Call {
      const auto qkv = o.make(type, {rows, 3 * d}), dqkv = o.make(type, {rows, 3 * d});
      const auto out = o.make(type, {rows, d}), dout = o.make(type, {rows, d});
      const auto lse = o.make(DType::f32, {rows, heads});
      return [=](Ops& ops) {
        const SequenceGroup group{count, length};
        ops.attention_backward(dout, {qkv}, out, lse, heads, {&group, 1}, {dqkv});
      };
    });
  }
}

void add_rows(const Suite& suite, std::int64_t m, std::int64_t d) {
  for (const auto type : {DType::f32, DType::bf16}) {
    const auto name = [&](const char* op) { return fmt::format("{}/{}x{}", op, m, d); };
    suite.add(name("layer_norm_forward"), type, Limit::memory, [=](Operands& o) -> Call {
      const auto x = o.make(DType::f32, {m, d}), y = o.make(type, {m, d});
      const auto w = o.make(DType::f32, {d}), s = o.make(DType::f32, {m});
      return [=](Ops& ops) { ops.layer_norm_forward({.sum = x}, w, w, 1e-6, y, s, s); };
    });
    suite.add(name("layer_norm_backward"), type, Limit::memory, [=](Operands& o) -> Call {
      const auto x = o.make(DType::f32, {m, d}), dy = o.make(type, {m, d});
      const auto dx = o.make(DType::f32, {m, d}), w = o.make(DType::f32, {d});
      const auto dw = o.make(DType::f32, {d}), s = o.make(DType::f32, {m});
      return [=](Ops& ops) {
        ops.layer_norm_backward(dy, x, w, s, s, {dx}, dw, dw, Write::overwrite);
      };
    });
    suite.add(name("layer_norm_forward_sum"), type, Limit::memory, [=](Operands& o) -> Call {
      const auto x = o.make(DType::f32, {m, d}), sum = o.make(DType::f32, {m, d});
      const auto branch = o.make(type, {m, d}), y = o.make(type, {m, d});
      const auto w = o.make(DType::f32, {d}), s = o.make(DType::f32, {m});
      return [=](Ops& ops) {
        ops.layer_norm_forward({x, branch, {}, {}, sum}, w, w, 1e-6, y, s, s);
      };
    });
    suite.add(name("layer_norm_backward_sum"), type, Limit::memory, [=](Operands& o) -> Call {
      const auto x = o.make(DType::f32, {m, d}), dy = o.make(type, {m, d});
      const auto dx = o.make(DType::f32, {m, d}), dbranch = o.make(type, {m, d});
      const auto w = o.make(DType::f32, {d}), s = o.make(DType::f32, {m});
      const auto dw = o.make(DType::f32, {d});
      return [=](Ops& ops) {
        ops.layer_norm_backward(dy, x, w, s, s, {dx, {}, {}, dbranch}, dw, dw, Write::overwrite);
      };
    });
    suite.add(name("gelu_forward"), type, Limit::memory, [=](Operands& o) -> Call {
      const auto x = o.make(type, {m, 4 * d}), y = o.make(type, {m, 4 * d});
      return [=](Ops& ops) { ops.gelu_forward(x, y); };
    });
    suite.add(name("gelu_backward"), type, Limit::memory, [=](Operands& o) -> Call {
      const auto x = o.make(type, {m, 4 * d}), dy = o.make(type, {m, 4 * d});
      return [=](Ops& ops) { ops.gelu_backward(x, dy); };
    });
    suite.add(name("add"), type, Limit::memory, [=](Operands& o) -> Call {
      const auto x = o.make(DType::f32, {m, d}), y = o.make(type, {m, d});
      return [=](Ops& ops) { ops.add(x, y, x); };
    });
  }
}

void add_optimizer(const Suite& suite, std::int64_t n) {
  suite.add(fmt::format("adamw_ema/{}", n), DType::f32, Limit::memory, [=](Operands& o) -> Call {
    OptimizerRange r;
    for (auto* t : {&r.weight, &r.m, &r.v, &r.gradient, &r.target}) *t = o.make(DType::f32, {n});
    o.zero(r.v);  // a mean of squares
    for (auto* t : {&r.working, &r.target_working}) *t = o.make(DType::bf16, {n});
    r.decay = o.make(DType::f32, {n / parameter_chunk});
    AdamWStep step;
    step.learning_rate = 1e-3;
    return [=](Ops& ops) { ops.adamw_ema(r, step); };
  });
}

struct Rows {
  const char* name;
  std::int64_t tokens, width;
};
struct Attention {
  std::int64_t count, length, heads, dim;
};
struct Shapes {
  std::vector<Rows> rows;
  std::vector<Attention> attention;
  std::vector<std::int64_t> parameters;
};

/// Tokens of a micro-batch: cifar10_small.toml's, ViT-Tiny/4 at 32 pixels, ViT-S/16 and ViT-B/16 at
/// 224.
Shapes cpu_shapes() {
  return {{{"mini", 4096, 96}, {"tiny", 2048, 192}, {"small", 1568, 384}, {"base", 1568, 768}},
          {{256, 22, 3, 16},
           {64, 64, 3, 32},
           {32, 64, 3, 64},
           {8, 196, 6, 64},
           {8, 196, 12, 64},
           {16, 100, 12, 32},
           {32, 50, 3, 64}},
          {1 << 20, 1 << 24}};
}

/// 128 images: ViT-B/16 and ViT-L/16, whole images; ViT-H/14's target encoder, its context of 75
/// patches and its predictor, 4 targets of 45 patches each; ViT-g/16.
Shapes gpu_shapes() {
  return {{{"base", 25088, 768},
           {"large", 25088, 1024},
           {"huge_target", 32768, 1280},
           {"huge_context", 9600, 1280},
           {"huge_predictor", 61440, 384},
           {"giant", 25088, 1408}},
          {{128, 196, 12, 64},
           {128, 196, 16, 64},
           {128, 256, 16, 80},
           {128, 75, 16, 80},
           {512, 120, 16, 24},
           {128, 196, 16, 88}},
          {1 << 24, 1 << 28}};
}

void add_all(const Suite& suite, const Shapes& shapes) {
  for (const auto& [name, tokens, d] : shapes.rows) {
    for (const auto& [n, k] : {std::pair{3 * d, d}, {d, d}, {4 * d, d}, {d, 4 * d}}) {
      add_linear(suite, name, tokens, n, k);
      add_bias(suite, name, tokens, n, k);
    }
    add_rows(suite, tokens, d);
  }
  for (const auto& a : shapes.attention) add_attention(suite, a.count, a.length, a.heads, a.dim);
  for (const auto n : shapes.parameters) add_optimizer(suite, n);
}

int run(int argc, char** argv) {
  CLI::App app{"Operations at the shapes of real models. Other options are Google Benchmark's."};
  DeviceOptions options;
  app.add_option("--device", options.name, "cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--threads", options.threads, "compute threads of the CPU; 0: all cores");
  app.add_option("--product-algorithms", options.product_algorithms,
                 "GPUs: measure algorithms of matrix products and keep them in this file");
  app.allow_extras();
  CLI11_PARSE(app, argc, argv);
  std::vector<std::string> rest = app.remaining();
  std::vector<char*> words{argv[0]};
  for (auto& word : rest) words.push_back(word.data());
  int count = static_cast<int>(words.size());
  words.push_back(nullptr);
  benchmark::Initialize(&count, words.data());
  if (benchmark::ReportUnrecognizedArguments(count, words.data())) return 1;
  check(options.product_algorithms.empty() || options.name != "cpu",
        "--product-algorithms is for GPUs: give --device cuda, or leave it out.");
  const auto device = make_device(options);
  const Suite suite{*device, measure_peak(*device),
                    !device->memory_is_host() || options.threads != 1};
  fmt::print("{}: {:.1f} GFLOP/s float32, {:.1f} GFLOP/s bfloat16, {:.1f} GB/s\n",
             device->describe(), suite.peak.gflops_f32, suite.peak.gflops_bf16, suite.peak.gbytes);
  benchmark::AddCustomContext("device", device->describe());
  benchmark::AddCustomContext("gflops_f32", fmt::format("{:.1f}", suite.peak.gflops_f32));
  benchmark::AddCustomContext("gflops_bf16", fmt::format("{:.1f}", suite.peak.gflops_bf16));
  benchmark::AddCustomContext("gbytes", fmt::format("{:.1f}", suite.peak.gbytes));
  add_all(suite, device->memory_is_host() ? cpu_shapes() : gpu_shapes());
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace ijepa

int main(int argc, char** argv) {
  try {
    return ijepa::run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench_ops: {}\n", e.what());
    return 1;
  }
}
