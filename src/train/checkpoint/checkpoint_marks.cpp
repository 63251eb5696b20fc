#include "ijepa/train/checkpoint/checkpoint_marks.hpp"

#include <cmath>
#include <filesystem>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/json_text.hpp"

namespace ijepa {
namespace {

std::string path_in(const std::string& run_dir) {
  return (std::filesystem::path(run_dir) / "checkpoints" / "protected.json").string();
}

CheckpointMarks marks_from(const nlohmann::json& j) {
  CheckpointMarks marks;
  if (j.contains("healthy")) marks.healthy = std::int64_t{WholeNumber(j.at("healthy").at("step"))};
  if (j.contains("best")) {
    const auto& best = j.at("best");
    marks.best = BestCheckpoint{WholeNumber(best.at("step")), best.at("figure"), best.at("value")};
  }
  return marks;
}

}  // namespace

std::string CheckpointMarks::text(std::int64_t step) const {
  std::string text;
  if (best && best->step == step) text = fmt::format("best {} {:.4g}", best->figure, best->value);
  if (healthy == step) text += text.empty() ? "healthy" : ", healthy";
  return text;
}

CheckpointMarks read_marks(const std::string& run_dir) {
  const std::string path = path_in(run_dir);
  if (!std::filesystem::exists(path)) return {};
  try {
    return marks_from(parse_json(read_text_file(path), "it is damaged"));
  } catch (const std::exception& e) {
    fail("{} does not say which checkpoints are protected ({}): remove it, and none is.", path,
         json_reason(e));
  }
}

void write_marks(const std::string& run_dir, const CheckpointMarks& marks) {
  nlohmann::ordered_json j = nlohmann::ordered_json::object();
  if (marks.best)
    j["best"] = {
        {"step", marks.best->step}, {"figure", marks.best->figure}, {"value", marks.best->value}};
  if (marks.healthy) j["healthy"] = {{"step", *marks.healthy}};
  write_file_atomically(path_in(run_dir), j.dump(1) + "\n");
}

}  // namespace ijepa
