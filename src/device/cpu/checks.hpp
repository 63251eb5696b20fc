// Shape and type checks of operands: a wrong call is an Error that names the operation and operand.
#pragma once
#include <initializer_list>
#include <string_view>

#include "ijepa/core/tensor.hpp"

namespace ijepa::cpu {

/// An Error unless t has rows x cols elements (as a matrix of its last dimension).
inline void expect_matrix(std::string_view op, std::string_view name, const Tensor& t,
                          std::int64_t rows, std::int64_t cols) {
  check(t.rows() == rows && t.cols() == cols, "{}: {} is {}, but ({}, {}) is needed.", op, name,
        describe(t), rows, cols);
}

inline void expect_type(std::string_view op, std::string_view name, const Tensor& t, DType type) {
  check(t.dtype == type, "{}: {} is {}, but {} is needed.", op, name, describe(t), name_of(type));
}

inline void expect_vector(std::string_view op, std::string_view name, const Tensor& t, DType type,
                          std::int64_t count) {
  expect_type(op, name, t, type);
  check(t.numel() == count, "{}: {} is {}, but {} elements are needed.", op, name, describe(t),
        count);
}

inline void expect_same_size(std::string_view op, std::string_view name, const Tensor& t,
                             const Tensor& like) {
  check(t.numel() == like.numel(), "{}: {} is {}, but as many elements as {} are needed.", op, name,
        describe(t), describe(like));
}

/// float64 operands go with float64 ones only: the kernels compute in one of two precisions.
inline void expect_same_width(std::string_view op, std::string_view name, const Tensor& t,
                              const Tensor& like) {
  check(t.dtype <= DType::bf16 && like.dtype <= DType::bf16 &&
            (t.dtype == DType::f64) == (like.dtype == DType::f64),
        "{}: {} is {}, which does not go with {}.", op, name, describe(t), describe(like));
}

}  // namespace ijepa::cpu
