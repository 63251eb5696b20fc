// Modulation: adaptive layer norm (Perez et al., arXiv 1709.07871; as diffusion transformers have
// it, Peebles and Xie, arXiv 2212.09748): a linear map of one condition a sequence gives shifts,
// scales and gates for the features of all its rows. Float32 and float64.
#pragma once
#include <string>
#include <vector>

#include "ijepa/nn/linear.hpp"

namespace ijepa {

/// S sequences of equal length, M rows in all, of D features, for operations that take rows and
/// elements by number.
struct ModulatedRows {
  Tensor sequence;  // (M) int32, of each row
  Tensor numbers;   // (M D) int32: 0, 1, ...

  /// The numbers of the M rows.
  Tensor rows() const { return make_tensor(numbers.data, DType::i32, {sequence.numel()}); }
};

/// (M) int32, kept in the arena: the sequence of each row.
Tensor upload_sequences(Pass& p, std::int64_t sequences, std::int64_t length);

/// Uploaded and kept in the arena. An Error where the elements are more than int32 can count.
ModulatedRows upload_modulated_rows(Pass& p, std::int64_t sequences, std::int64_t length,
                                    std::int64_t width);

/// y = a + b c, element by element, (M, D) each and of the statistics type. a may be empty (then y
/// = b c) and y may be a.
void add_product(Ops& ops, Tensor a, Tensor b, Tensor c, const ModulatedRows& rows, Tensor y);

class Modulation {
 public:
  struct Saved {
    Tensor condition;           // (S, D)
    std::vector<Tensor> parts;  // (S, D) each
  };

  /// All parts start at 0: a norm is not changed, a gated branch adds nothing.
  Modulation(ParamLayout& layout, const std::string& name, std::int64_t width, std::size_t parts);

  std::int64_t first_offset() const { return linear_.first_offset(); }

  /// condition (S, D) -> s.parts, kept in the arena.
  void forward(Pass& p, Tensor condition, Saved& s) const;
  /// dparts: (S, D) each; what they give the condition's gradient is added to dcondition_accum.
  void backward(Pass& p, const std::vector<Tensor>& dparts, Tensor dcondition_accum,
                const Saved& s) const;

 private:
  Linear part(std::size_t i) const;

  std::size_t count_;
  Linear linear_;
};

/// y = x + scale x + shift, (M, D); scale and shift (S, D). y must not be x.
void modulate(Pass& p, Tensor x, Tensor scale, Tensor shift, const ModulatedRows& rows, Tensor y);
/// dx = dy + scale dy, dscale = the sums of x dy over each sequence, dshift those of dy. dx must
/// not be dy.
void modulate_backward(Pass& p, Tensor dy, Tensor x, Tensor scale, const ModulatedRows& rows,
                       Tensor dx, Tensor dscale, Tensor dshift);

/// y = x + gate branch, (M, D); gate (S, D). y may be x.
void add_gated(Pass& p, Tensor x, Tensor branch, Tensor gate, const ModulatedRows& rows, Tensor y);
/// dbranch = gate dy, dgate = the sums of branch dy over each sequence.
void gate_backward(Pass& p, Tensor dy, Tensor branch, Tensor gate, const ModulatedRows& rows,
                   Tensor dbranch, Tensor dgate);

}  // namespace ijepa
