// ParamLayout: where every parameter lies in the flat buffers, in forward order, and how it starts.
// Gradients, AdamW moments, EMA weights and bfloat16 copies share these offsets, so "gradients
// ready" is one falling offset and buckets, decay groups and checkpoints are ranges.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ijepa {

/// xavier_uniform: U(-a, a), a = sqrt(6 / (in + out)) (Glorot and Bengio, AISTATS 2010).
enum class Init : std::uint8_t { zeros, ones, truncated_normal, xavier_uniform };
enum class Decay : std::uint8_t { no, yes };

/// A layer's handle to a parameter. rows == 0: a vector of `cols` elements.
struct Param {
  std::int64_t offset = 0, rows = 0, cols = 0;
};

/// A layer's handle to a table of fixed numbers (never trained), (rows, cols).
struct Constant {
  std::int64_t offset = 0, rows = 0, cols = 0;
};

/// What checkpoints, initialisation and the optimizer need to know of a parameter.
struct ParamInfo {
  std::string group, name;          // "encoder", "blocks.0.norm1.weight": the reference's names
  std::vector<std::int64_t> shape;  // as in the reference's checkpoints
  std::int64_t offset = 0, size = 0;
  Init init = Init::zeros;
  Decay decay = Decay::no;
  double init_scale = 1;  // times the usual deviation
};

/// Elements [begin, end) of the flat buffers.
struct ParamRange {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

class ParamLayout {
 public:
  /// Parameters added from here on belong to `group`, one contiguous range.
  void begin_group(std::string group) { group_ = std::move(group); }
  /// How matrices added from here on start.
  void start_matrices(Init init) { matrix_init_ = init; }

  /// A weight matrix (rows, cols), with decay. `shape` empty: {rows, cols}.
  Param matrix(std::string name, std::int64_t rows, std::int64_t cols,
               std::vector<std::int64_t> shape = {}, double init_scale = 1);
  Param vector(std::string name, std::int64_t size, Init init);
  /// The mask token: shape (1, 1, size), truncated-normal, with decay since it has dimensions.
  Param token(std::string name, std::int64_t size);
  Constant constant(std::int64_t rows, std::int64_t cols, std::span<const double> values);

  std::int64_t size() const { return size_; }
  const std::vector<ParamInfo>& infos() const { return infos_; }
  /// The parameter to which an element belongs; null for padding.
  const ParamInfo* at(std::int64_t element) const;
  /// 1 where weights decay, one value a chunk of parameter_chunk elements.
  const std::vector<float>& decay() const { return decay_; }
  const std::vector<double>& constants() const { return constants_; }
  /// An Error when the layout has no such group.
  ParamRange range(std::string_view group) const;
  /// Everything behind that group.
  ParamRange after(std::string_view group) const { return {range(group).end, size_}; }
  bool holds(std::string_view group) const { return count(group) > 0; }
  /// Trainable numbers without padding.
  std::int64_t count(std::string_view group) const;

 private:
  Param add(ParamInfo info, std::int64_t rows, std::int64_t cols);

  std::string group_;
  Init matrix_init_ = Init::truncated_normal;
  std::int64_t size_ = 0;
  std::vector<ParamInfo> infos_;
  std::vector<float> decay_;
  std::vector<double> constants_;
};

/// Start values of one parameter into out (info.size), a pure function of (seed, parameter, row):
/// truncated normal has deviation 0.02, cut at +-2 (Assran et al., public release); xavier_uniform
/// counts as in and out the columns and rows of the matrix, heads of attention together.
void initial_values(const ParamInfo& info, std::uint64_t seed, std::size_t index,
                    std::span<double> out);

}  // namespace ijepa
