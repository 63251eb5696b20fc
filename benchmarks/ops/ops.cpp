// Operations at the shapes of real models, each as a share of what this machine can do: the peak of
// a large matrix product for arithmetic, a large copy for memory, both measured first in this run.
//   bench_ops [--threads N] [Google Benchmark's options]
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "ijepa/device/counting_ops.hpp"
#include "ijepa/device/null_ops.hpp"
#include "ijepa/device/peak.hpp"

namespace ijepa {
namespace {

enum class Limit : std::uint8_t { arithmetic, memory };

/// Tensors of a benchmark: all zero, which no operation here computes faster on.
class Operands {
 public:
  explicit Operands(Device& device) : device_(device) {}
  Tensor make(DType type, std::initializer_list<std::int64_t> shape) {
    Tensor t = make_tensor(nullptr, type, shape);
    buffers_.emplace_back(device_, t.bytes());
    t.data = buffers_.back().data();
    device_.ops().fill_zero(t);
    return t;
  }

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

  void add(const std::string& name, DType type, Limit limit, const Setup& setup) const {
    benchmark::RegisterBenchmark(
        fmt::format("{}/{}", name, name_of(type)).c_str(),
        [this, type, limit, setup](benchmark::State& state) { run(state, type, limit, setup); })
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  }

  void run(benchmark::State& state, DType type, Limit limit, const Setup& setup) const {
    Operands operands(device);
    const Call call = setup(operands);
    NullOps null;
    CountingOps counting(null);
    call(counting);
    for (auto _ : state) {
      call(device.ops());
      device.ops().synchronize();
    }
    const auto share = [&](double amount, double peak_rate) {
      return benchmark::Counter(100 * 1e-9 * amount / peak_rate,
                                benchmark::Counter::kIsIterationInvariantRate);
    };
    const OpCount count = counting.total();
    if (limit == Limit::arithmetic)
      state.counters["%peak"] = share(count.flops, peak.gflops(type));
    else
      state.counters["%bandwidth"] = share(count.bytes, peak.gbytes);
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
    suite.add(name("linear_backward_params"), type, Limit::arithmetic, [=](Operands& o) -> Call {
      const auto x = o.make(type, {m, k}), dy = o.make(type, {m, n});
      const auto dw = o.make(DType::f32, {n, k}), db = o.make(DType::f32, {n});
      return [=](Ops& ops) { ops.linear_backward_params(dy, x, dw, db, Write::overwrite); };
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
        ops.attention_forward(qkv, heads, {&group, 1}, out, lse);
      };
    });
    suite.add(name("attention_backward"), type, Limit::arithmetic, [=](Operands& o) -> Call {
      const auto qkv = o.make(type, {rows, 3 * d}), dqkv = o.make(type, {rows, 3 * d});
      const auto out = o.make(type, {rows, d}), dout = o.make(type, {rows, d});
      const auto lse = o.make(DType::f32, {rows, heads});
      return [=](Ops& ops) {
        const SequenceGroup group{count, length};
        ops.attention_backward(dout, qkv, out, lse, heads, {&group, 1}, dqkv);
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
      return [=](Ops& ops) { ops.layer_norm_forward(x, w, w, 1e-6, y, s, s); };
    });
    suite.add(name("layer_norm_backward"), type, Limit::memory, [=](Operands& o) -> Call {
      const auto x = o.make(DType::f32, {m, d}), dy = o.make(type, {m, d});
      const auto dx = o.make(DType::f32, {m, d}), w = o.make(DType::f32, {d});
      const auto dw = o.make(DType::f32, {d}), s = o.make(DType::f32, {m});
      return
          [=](Ops& ops) { ops.layer_norm_backward(dy, x, w, s, s, dx, dw, dw, Write::overwrite); };
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
    for (auto* t : {&r.working, &r.target_working}) *t = o.make(DType::bf16, {n});
    r.decay = o.make(DType::f32, {n / parameter_chunk});
    AdamWStep step;
    step.learning_rate = 1e-3;
    return [=](Ops& ops) { ops.adamw_ema(r, step); };
  });
}

void add_all(const Suite& suite) {
  struct Model {
    const char* name;
    std::int64_t tokens, width;
  };
  // Tokens of a micro-batch: ViT-Tiny/4 at 32 pixels, ViT-S/16 and ViT-B/16 at 224.
  for (const auto& [name, tokens, d] :
       {Model{"tiny", 2048, 192}, Model{"small", 1568, 384}, Model{"base", 1568, 768}}) {
    add_linear(suite, name, tokens, 3 * d, d);
    add_linear(suite, name, tokens, d, d);
    add_linear(suite, name, tokens, 4 * d, d);
    add_linear(suite, name, tokens, d, 4 * d);
    add_rows(suite, tokens, d);
  }
  add_attention(suite, 32, 64, 3, 64);
  add_attention(suite, 8, 196, 6, 64);
  add_attention(suite, 8, 196, 12, 64);
  add_attention(suite, 16, 100, 12, 32);
  add_attention(suite, 32, 50, 3, 64);
  add_optimizer(suite, 1 << 20);
  add_optimizer(suite, 1 << 24);
}

int run(int argc, char** argv) {
  int threads = 0;
  for (int i = 1; i + 1 < argc; ++i)
    if (std::string_view(argv[i]) == "--threads") {
      threads = std::atoi(argv[i + 1]);
      std::copy(argv + i + 2, argv + argc, argv + i);
      argc -= 2;
      break;
    }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const auto device = make_device({"cpu", threads});
  const Suite suite{*device, measure_peak(*device)};
  fmt::print("{}: {:.1f} GFLOP/s float32, {:.1f} GFLOP/s bfloat16, {:.1f} GB/s\n",
             device->describe(), suite.peak.gflops_f32, suite.peak.gflops_bf16, suite.peak.gbytes);
  add_all(suite);
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
