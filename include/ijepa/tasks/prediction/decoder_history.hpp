// Decoder history: what every fifty steps of a decoder's training gave, as a CSV file and a plot.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace ijepa {

/// Means over the steps since the row before.
struct DecoderRow {
  std::int64_t step = 0;  // done
  double loss = 0;        // of flow matching
  double pixelwise = 0;   // pixelwise_loss() at the same times
  double learning_rate = 0;
  double seconds = 0;  // a step
};

/// Rows, and the steps since the last of them.
class DecoderHistory {
 public:
  static constexpr std::int64_t steps_a_row = 50;

  /// Step `step` from 1. True where it ended a row.
  bool add(std::int64_t step, const DecoderRow& one);
  const std::vector<DecoderRow>& rows() const { return rows_; }
  /// Ends a row early, at the end of a training.
  void close();

  /// step,loss,pixelwise,relative,learning_rate,seconds; a line a row.
  std::string csv() const;
  /// All of it, exactly, and back. An Error for anything else.
  std::string text() const;
  static DecoderHistory parse(const std::string& text);

 private:
  void end_row();

  std::vector<DecoderRow> rows_;
  DecoderRow sum_;
  std::int64_t count_ = 0;
};

/// An Error where a folder holds what is not of a decoder's training. Its own files may be there,
/// and what a kill left of one; anything else belongs to somebody.
void check_own_folder(const std::string& folder);

/// FOLDER/training.csv and training.png.
void write_history(const DecoderHistory& history, const std::string& folder);

}  // namespace ijepa
