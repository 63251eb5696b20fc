// KernelsOn<I>: the kernels for one instruction set. Only kernels_avx2.cpp and kernels_avx512.cpp
// include this, each compiled for its set.
#pragma once
#include "attention_kernel.hpp"
#include "gemm_kernel.hpp"
#include "row_kernel.hpp"

namespace ijepa::cpu {

template <class I>
class KernelsOn final : public Kernels {
 public:
  explicit constexpr KernelsOn(const char* name) : name_(name) {}
  const char* name() const override { return name_; }

  std::int64_t packed_bytes(const Product& p) const override {
    return with_element(p.type, [&]<class T>(T) {
      using C = Accumulator<T>;
      const auto columns = reads_b_in_place<I, T>(p) ? 0 : whole_vectors<I, C>(p.n);
      return p.k * columns * static_cast<std::int64_t>(sizeof(C));
    });
  }
  std::int64_t workspace_bytes(const Product& p, std::int64_t rows) const override {
    return with_element(p.type, [&]<class T>(T) {
      using C = Accumulator<T>;
      return product_workspace<Widened<I, T>>(p, rows) * static_cast<std::int64_t>(sizeof(C));
    });
  }
  std::int64_t panels(const Product& p) const override {
    return with_element(p.type, [&]<class T>(T) { return panels_of<I, Accumulator<T>>(p.n); });
  }
  void pack(const Product& p, Range panels, void* packed) const override {
    with_element(p.type, [&]<class T>(T) {
      pack_panels<I, T>(p, panels, static_cast<Accumulator<T>*>(packed));
      return 0;
    });
  }
  void multiply(const Product& p, Range rows, Range panels, const void* packed,
                void* workspace) const override {
    with_element(p.type, [&]<class T>(T) {
      using C = Accumulator<T>;
      multiply_rows<Widened<I, T>>(p, rows, panels, static_cast<const C*>(packed),
                                   static_cast<C*>(workspace));
      return 0;
    });
  }

  std::int64_t attention_bytes(DType type, std::int64_t length, std::int64_t dim) const override {
    return with_element(type, [&]<class T>(T) {
      using C = Accumulator<T>;
      return attention_workspace<I, C>(length, dim) * static_cast<std::int64_t>(sizeof(C));
    });
  }
  void attention_forward(DType type, const Head& head, const AttentionParts<void>& x,
                         void* workspace, void* out, void* lse) const override {
    with_element(type, [&]<class T>(T) {
      using C = Accumulator<T>;
      attention_forward_head<I, T>(head, parts_as<const T>(x), static_cast<C*>(workspace),
                                   static_cast<T*>(out), static_cast<C*>(lse));
      return 0;
    });
  }
  void attention_backward(DType type, const Head& head, const void* dout,
                          const AttentionParts<void>& x, const void* lse, void* workspace,
                          const AttentionParts<void>& dx) const override {
    with_element(type, [&]<class T>(T) {
      using C = Accumulator<T>;
      attention_backward_head<I, T>(head, static_cast<const T*>(dout), parts_as<const T>(x),
                                    static_cast<const C*>(lse), static_cast<C*>(workspace),
                                    parts_as<T>(dx));
      return 0;
    });
  }

  void gelu_forward(const Tensor& x, const Tensor& y, Range e) const override {
    with_pointer(x, [&](const auto* xs) {
      with_partner(xs, y, [&](auto* ys) {
        gelu_forward_range<I>(xs + e.begin, e.end - e.begin, ys + e.begin);
      });
    });
  }
  void gelu_backward(const Tensor& x, const Tensor& dy, const Tensor& y, Range e) const override {
    with_pointer(x, [&](const auto* xs) {
      with_partner(xs, dy, [&]<class D>(D* dys) {
        auto* ys = y.empty() ? nullptr : static_cast<D*>(y.data) + e.begin;
        gelu_backward_range<I>(xs + e.begin, e.end - e.begin, dys + e.begin, ys);
      });
    });
  }
  void layer_norm_forward(const NormRows& n, double epsilon, const Tensor& y,
                          Range rows) const override {
    with_pointer(n.x, [&]<class X>(X* xs) {
      with_partner(xs, y, [&](auto* ys) {
        if (n.sum.branch.empty())
          return norm_rows(n, epsilon, xs, ys, rows, GivenRows<I, X>{xs, n.cols});
        with_partner(xs, n.sum.branch, [&]<class B>(const B* branch) {
          norm_rows(n, epsilon, xs, ys, rows, SummedRows<I, X, B>{xs, n.cols, n.sum, branch});
        });
      });
    });
  }
  void layer_norm_backward(const NormRows& n, const Tensor& dy, const Tensor& dx, Range rows,
                           void* dw, void* db) const override {
    with_pointer(n.x, [&]<class X>(X* xs) {
      using C = Accumulator<X>;
      with_partner(xs, dy, [&](const auto* dys) {
        with_partner(xs, dx, [&](auto* dxs) {
          for (auto i = rows.begin; i < rows.end; ++i)
            layer_norm_backward_row<I>(
                dys + i * n.cols, xs + i * n.cols, static_cast<const C*>(n.w.data),
                static_cast<const C*>(n.mean.data)[i], static_cast<const C*>(n.rstd.data)[i],
                n.cols, dxs + i * n.cols, static_cast<C*>(dw), static_cast<C*>(db));
        });
      });
    });
  }
  void sum_rows(const Tensor& x, const std::int32_t* index, Range rows, void* sum) const override {
    with_pointer(x, [&]<class X>(X* xs) {
      sum_of_rows<I>(index == nullptr ? xs + rows.begin * x.cols() : xs,
                     index == nullptr ? nullptr : index + rows.begin, rows.end - rows.begin,
                     x.cols(), static_cast<Accumulator<X>*>(sum));
    });
  }
  double sum_squares(const Tensor& x, Range e) const override {
    double sum = 0;
    with_pointer(x,
                 [&](const auto* xs) { sum = sum_of_squares<I>(xs + e.begin, e.end - e.begin); });
    return sum;
  }
  void scaled_sum(double a, const Tensor& x, double b, const Tensor& y, Range e) const override {
    with_pointer(x, [&]<class X>(X* xs) {
      using C = Accumulator<X>;
      with_partner(xs, y, [&](auto* ys) {
        scaled_sum_of<I>(C(a), xs + e.begin, C(b), ys + e.begin, e.end - e.begin);
      });
    });
  }
  double smooth_l1(const Tensor& prediction, std::int64_t row, const void* target, double scale,
                   const Tensor& dprediction) const override {
    double sum = 0;
    const auto cols = prediction.cols();
    with_pointer(prediction, [&]<class X>(X* xs) {
      using C = Accumulator<X>;
      with_partner(xs, dprediction, [&](auto* dxs) {
        sum = smooth_l1_row<I>(xs + row * cols, static_cast<const C*>(target), cols, C(scale),
                               dxs + row * cols);
      });
    });
    return sum;
  }
  void adamw_ema(const AdamWRange<float>& r, const AdamWFactors<float>& f,
                 Range chunks) const override {
    for (auto i = chunks.begin; i < chunks.end; ++i) adamw_chunk<I>(r, f, i);
  }
  void adamw_ema(const AdamWRange<double>& r, const AdamWFactors<double>& f,
                 Range chunks) const override {
    for (auto i = chunks.begin; i < chunks.end; ++i) adamw_chunk<I>(r, f, i);
  }

 private:
  template <class X, class Y, class Values>
  static void norm_rows(const NormRows& n, double epsilon, const X* xs, Y* ys, Range rows,
                        const Values& values) {
    using C = Accumulator<X>;
    for (auto i = rows.begin; i < rows.end; ++i)
      layer_norm_row<I>(xs + i * n.cols, values.of(i), static_cast<const C*>(n.w.data),
                        static_cast<const C*>(n.b.data), epsilon, n.cols, ys + i * n.cols,
                        static_cast<C*>(n.mean.data)[i], static_cast<C*>(n.rstd.data)[i]);
  }

  template <class F>
  static void with_pointer(const Tensor& t, F&& f) {
    if (t.dtype == DType::f64) return f(static_cast<double*>(t.data));
    if (t.dtype == DType::f32) return f(static_cast<float*>(t.data));
    f(static_cast<BFloat16*>(t.data));
  }
  /// Like with_pointer, for an operand whose type goes with that of `first`.
  template <class T, class F>
  static void with_partner(const T*, const Tensor& t, F&& f) {
    with_type<Accumulator<T>>(t.dtype, t.data, f);
  }
  /// Calls f(T{}) with T the element type.
  template <class F>
  static auto with_element(DType type, F&& f) {
    if (type == DType::f64) return f(double{});
    if (type == DType::f32) return f(float{});
    return f(BFloat16{});
  }

  const char* name_;
};

}  // namespace ijepa::cpu
