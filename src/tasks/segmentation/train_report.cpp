#include "train_report.hpp"

#include <array>

#include "ijepa/core/file.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/drawing/plot.hpp"

namespace ijepa {
namespace {

/// A column of epochs.csv that training and validation both have.
struct Column {
  const char* name;
  double (*value)(const EpochScores&);
};
constexpr std::array<Column, 7> columns{
    {{"loss", [](const EpochScores& s) { return s.loss; }},
     {"accuracy", [](const EpochScores& s) { return s.scores.pixel_accuracy; }},
     {"miou", [](const EpochScores& s) { return s.scores.mean_iou; }},
     {"absent_classes", [](const EpochScores& s) { return static_cast<double>(s.scores.absent); }},
     {"compat_loss", [](const EpochScores& s) { return s.compat.loss; }},
     {"compat_accuracy", [](const EpochScores& s) { return s.compat.pixel_accuracy; }},
     {"compat_miou", [](const EpochScores& s) { return s.compat.mean_iou; }}}};

std::string epochs_csv(const std::vector<SegmentEpoch>& epochs) {
  std::string out = "epoch,learning_rate,seconds";
  for (const char* part : {"train", "valid"})
    for (const auto& column : columns) out += fmt::format(",{}_{}", part, column.name);
  out += "\n";
  for (std::size_t e = 0; e < epochs.size(); ++e) {
    out += fmt::format("{},{:g},{:.1f}", e + 1, epochs[e].learning_rate, epochs[e].seconds);
    for (const auto* part : {&epochs[e].train, &epochs[e].valid})
      for (const auto& column : columns) out += fmt::format(",{:.6g}", column.value(*part));
    out += "\n";
  }
  return out;
}

/// Of the validation, empty where a class is absent.
std::string class_iou_csv(const Labels& labels, const std::vector<SegmentEpoch>& epochs) {
  std::string out = "epoch";
  for (const auto& c : labels.classes) out += fmt::format(",{}", csv_field(c.name));
  out += "\n";
  for (std::size_t e = 0; e < epochs.size(); ++e) {
    out += fmt::format("{}", e + 1);
    for (const double iou : epochs[e].valid.scores.iou)
      out += iou == iou ? fmt::format(",{:.4f}", iou) : ",";
    out += "\n";
  }
  return out;
}

Plot plot_of(const Column& column, const char* title, const std::vector<SegmentEpoch>& epochs) {
  Plot plot{title, "epoch", {{"train", {}, {}}, {"valid", {}, {}}}};
  for (std::size_t e = 0; e < epochs.size(); ++e) {
    for (auto& curve : plot.curves) curve.x.push_back(static_cast<double>(e + 1));
    plot.curves[0].y.push_back(column.value(epochs[e].train));
    plot.curves[1].y.push_back(column.value(epochs[e].valid));
  }
  return plot;
}

}  // namespace

void write_train_report(const std::string& folder, const Labels& labels,
                        const std::vector<SegmentEpoch>& epochs) {
  write_file_atomically(folder + "/epochs.csv", epochs_csv(epochs));
  write_file_atomically(folder + "/class_iou.csv", class_iou_csv(labels, epochs));
  write_plot(plot_of(columns[0], "Loss (cross-entropy of a pixel)", epochs), folder + "/loss.png");
  write_plot(plot_of(columns[1], "Pixel accuracy (share of pixels)", epochs),
             folder + "/accuracy.png");
  write_plot(plot_of(columns[2], "Mean IoU (0 to 1)", epochs), folder + "/miou.png");
}

std::string epoch_line(std::int64_t epoch, std::int64_t epochs, const SegmentEpoch& scores) {
  const auto part = [](const EpochScores& s) {
    return fmt::format("loss {:.4f}, accuracy {:.1f} %, mIoU {:.1f} %", s.loss,
                       100 * s.scores.pixel_accuracy, 100 * s.scores.mean_iou);
  };
  return fmt::format("epoch {} of {}: train {}; valid {} ({} of {} classes absent); {:.1f} s",
                     epoch + 1, epochs, part(scores.train), part(scores.valid),
                     scores.valid.scores.absent, scores.valid.scores.iou.size(), scores.seconds);
}

}  // namespace ijepa
