#include "ijepa/tasks/prediction/decoder_history.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/drawing/plot.hpp"

namespace ijepa {
namespace {

constexpr std::array row_figures{&DecoderRow::loss, &DecoderRow::pixelwise,
                                 &DecoderRow::learning_rate, &DecoderRow::seconds};

constexpr const char* csv_columns = "step,loss,pixelwise,relative,learning_rate,seconds\n";

std::string line_of(const DecoderRow& row) {
  std::string line = fmt::format("{}", row.step);
  for (const auto figure : row_figures) line += fmt::format(" {}", row.*figure);
  return line + "\n";
}

DecoderRow row_of(std::istream& in) {
  DecoderRow row;
  in >> row.step;
  for (const auto figure : row_figures) in >> row.*figure;
  return row;
}

}  // namespace

bool DecoderHistory::add(std::int64_t step, const DecoderRow& one) {
  for (const auto figure : row_figures) sum_.*figure += one.*figure;
  sum_.step = step;
  ++count_;
  if (step % steps_a_row != 0) return false;
  end_row();
  return true;
}

void DecoderHistory::close() {
  if (count_ > 0) end_row();
}

void DecoderHistory::end_row() {
  for (const auto figure : row_figures) sum_.*figure /= static_cast<double>(count_);
  rows_.push_back(sum_);
  sum_ = {};
  count_ = 0;
}

std::string DecoderHistory::csv() const {
  std::string out = csv_columns;
  for (const auto& r : rows_)
    out += fmt::format("{},{:.6f},{:.6f},{:.4f},{:.6g},{:.3f}\n", r.step, r.loss, r.pixelwise,
                       r.loss / r.pixelwise, r.learning_rate, r.seconds);
  return out;
}

std::string DecoderHistory::text() const {
  std::string out = fmt::format("{} {}\n", rows_.size(), count_) + line_of(sum_);
  for (const auto& row : rows_) out += line_of(row);
  return out;
}

DecoderHistory DecoderHistory::parse(const std::string& text) {
  std::istringstream in(text);
  DecoderHistory history;
  std::size_t rows = 0;
  in >> rows >> history.count_;
  history.sum_ = row_of(in);
  for (std::size_t i = 0; i < rows && in; ++i) history.rows_.push_back(row_of(in));
  check(!in.fail() && history.count_ >= 0 && history.count_ < steps_a_row,
        "The history of a decoder's training cannot be read.");
  return history;
}

void check_own_folder(const std::string& folder) {
  constexpr std::array own{"checkpoints", "training.csv",   "training.png",
                           "run.lock",    "bad_images.csv", "events.jsonl"};
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    check(std::ranges::any_of(own, [&](const char* mine) { return name.starts_with(mine); }),
          "The folder {} holds {}, which is not of a decoder's training: choose another by --out.",
          folder, name);
  }
  const std::string table = folder + "/training.csv";
  check(
      !std::filesystem::exists(table) || read_text_file(table).starts_with(csv_columns),
      "{} is not of a decoder's training, which would replace it: choose another folder by --out.",
      table);
}

void write_history(const DecoderHistory& history, const std::string& folder) {
  if (history.rows().empty()) return;
  write_file_atomically(folder + "/training.csv", history.csv());
  Curve decoder{"decoder", {}, {}}, pixelwise{"best guess from each pixel alone", {}, {}};
  for (const auto& row : history.rows())
    for (auto* curve : {&decoder, &pixelwise}) {
      curve->x.push_back(static_cast<double>(row.step));
      curve->y.push_back(curve == &decoder ? row.loss : row.pixelwise);
    }
  write_plot(
      {"loss of flow matching (squared velocity, normalised pixels)", "step", {decoder, pixelwise}},
      folder + "/training.png");
}

}  // namespace ijepa
