#include "ijepa/tasks/classification/classify_history.hpp"

#include <algorithm>
#include <sstream>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/drawing/plot.hpp"

namespace ijepa {
namespace {

constexpr const char* header =
    "epoch,train_loss,train_top1,valid_loss,valid_top1,valid_top5,learning_rate,seconds";

Curve curve(const std::string& name, const ClassifyHistory& history, double EpochRow::*value,
            double scale) {
  Curve c{name, {}, {}};
  for (const auto& row : history) {
    c.x.push_back(static_cast<double>(row.epoch));
    c.y.push_back(scale * row.*value);
  }
  return c;
}

}  // namespace

std::string as_csv(const ClassifyHistory& history) {
  std::string out = std::string(header) + "\n";
  for (const auto& r : history)
    out += fmt::format("{},{:.6f},{:.3f},{:.6f},{:.3f},{:.3f},{:.6g},{:.1f}\n", r.epoch,
                       r.train_loss, 100 * r.train_top1, r.valid_loss, 100 * r.valid_top1,
                       100 * r.valid_top5, r.learning_rate, r.seconds);
  return out;
}

ClassifyHistory parse_history(const std::string& csv) {
  std::istringstream lines(csv);
  std::string line;
  std::getline(lines, line);
  check(line == header, "A training's history begins with \"{}\", not with \"{}\".", header, line);
  ClassifyHistory history;
  while (std::getline(lines, line)) {
    EpochRow r;
    char comma = 0;
    std::istringstream in(line);
    in >> r.epoch;
    for (double* value : {&r.train_loss, &r.train_top1, &r.valid_loss, &r.valid_top1, &r.valid_top5,
                          &r.learning_rate, &r.seconds})
      in >> comma >> *value;
    check(!in.fail(), "The history of a training has a line that cannot be read: {}", line);
    for (double* share : {&r.train_top1, &r.valid_top1, &r.valid_top5}) *share /= 100;
    history.push_back(r);
  }
  return history;
}

const EpochRow* best_row(const ClassifyHistory& history) {
  const auto best = std::ranges::min_element(history, {}, &EpochRow::valid_loss);
  return best == history.end() ? nullptr : &*best;
}

void write_history(const ClassifyHistory& history, const std::string& prefix) {
  write_file_atomically(prefix + ".csv", as_csv(history));
  write_plot({"Loss (cross-entropy of an image)",
              "epoch",
              {curve("training", history, &EpochRow::train_loss, 1),
               curve("validation", history, &EpochRow::valid_loss, 1)}},
             prefix + "_loss.png");
  write_plot({"Accuracy in percent",
              "epoch",
              {curve("training top-1", history, &EpochRow::train_top1, 100),
               curve("validation top-1", history, &EpochRow::valid_top1, 100),
               curve("validation top-5", history, &EpochRow::valid_top5, 100)}},
             prefix + "_accuracy.png");
}

}  // namespace ijepa
