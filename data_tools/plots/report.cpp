#include "data_tools/plots/report.hpp"

#include <algorithm>
#include <filesystem>

#include "data_tools/plots/report_parts.hpp"
#include "data_tools/plots/svg_plot.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/train/logs/board_values.hpp"
#include "ijepa/train/logs/event_files.hpp"

namespace ijepa::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* page_style = R"(
:root{color-scheme:light dark;--page:#fff;--text:#1d2126;--soft:#f3f5f7;--bad:#a3260f}
@media screen and (prefers-color-scheme:dark){:root{--page:#15181c;--text:#e3e7eb;--soft:#20252b;--bad:#ff9c85}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:76rem;background:var(--page);color:var(--text);
font:16px/1.45 system-ui,"DejaVu Sans",sans-serif;overflow-wrap:break-word}
h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.3rem;margin:2rem 0 .4rem;border-bottom:2px solid var(--line)}
h3{font-size:1.05rem;margin:.2rem 0}p{margin:.3rem 0 .7rem;max-width:62rem}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr));gap:1.2rem}
figure{margin:0;break-inside:avoid;min-width:0}figure p{font-size:.92rem}
figure img{max-width:100%;height:auto;image-rendering:pixelated;background:#fff}
.wide{overflow-x:auto;break-inside:avoid}
.settings{columns:20rem;padding-left:1.1rem;font-size:.92rem;margin:.3rem 0 1rem}
table{border-collapse:collapse;font-size:.92rem;margin:.3rem 0 1rem}
th,td{padding:.2rem .7rem .2rem 0;text-align:left;vertical-align:top}
th{border-bottom:1px solid var(--axis)}tr:nth-child(2n+1) td{background:var(--soft)}
.problem{border-left:4px solid var(--bad);padding-left:.6rem}
.none{font-style:italic}footer{margin-top:2rem;font-size:.85rem}
@media print{body{max-width:none;font-size:11pt;padding:0}h2{break-after:avoid}
.wide{overflow:visible}.plots{grid-template-columns:1fr 1fr}}
)";

std::string states(const std::vector<ReportRun>& runs) {
  std::string out;
  for (const auto& run : runs) {
    out +=
        fmt::format("<p><b>{}</b>: {}</p>\n", escaped(run.log.name), escaped(run.log.state_text));
    for (const auto& problem : run.log.problems)
      out +=
          fmt::format("<p class=\"problem\"><b>Damaged or missing:</b> {}</p>\n", escaped(problem));
  }
  return out;
}

std::string run_part(const ReportRun& run, std::int64_t points) {
  const auto& log = run.log;
  return fmt::format("<section><h2>{}</h2>\n", escaped(log.name)) + settings_part(log) +
         learning_part(log, points) + evaluation_part(log) + speed_part(log, points) +
         pictures_part(run) + events_part(log) + "</section>\n";
}

ReportPicture read_picture(const fs::path& path, std::string title, std::string words) {
  auto bytes = read_text_file(path.string());
  check(bytes.starts_with("\x89PNG\r\n"), "{} is no PNG file.", path.string());
  return {std::move(title), std::move(words), std::move(bytes)};
}

/// Masks, and features of the same images as training went on.
std::vector<ReportPicture> event_pictures(RunLog& run) {
  std::vector<ReportPicture> pictures;
  std::vector<std::string> problems;
  for (auto& [step, picture] : read_event_pictures(run.folder, masks_tag, 1, problems))
    pictures.push_back({"Masks",
                        "Each row: an image, what the encoder sees of it, and the blocks that are "
                        "predicted from that.",
                        std::move(picture.png)});
  problems.clear();  // the same ones are found again
  for (auto& [step, picture] : read_event_pictures(run.folder, patches_tag, 4, problems))
    pictures.push_back(
        {fmt::format("Features after step {}", step),
         "Each row: an image, and its patches in the colours of their features (three principal "
         "components): what has one colour is one thing to the network. Colours of different "
         "steps do not correspond.",
         std::move(picture.png)});
  run.problems.insert(run.problems.end(), problems.begin(), problems.end());
  return pictures;
}

}  // namespace

std::string report_page(const std::vector<ReportRun>& runs, std::int64_t points,
                        const std::string& made) {
  std::string title =
      runs.size() == 1 ? runs.front().log.name : fmt::format("{} runs", runs.size());
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<title>{0}</title>\n<style>{1}{2}</style></head><body>\n<h1>{0}</h1>\n",
      escaped(title), page_style, plot_style());
  out += states(runs) + summary_part(runs);
  if (runs.size() > 1) out += comparison_part(runs, points);
  for (const auto& run : runs) out += run_part(run, points);
  return out + fmt::format("<footer>{}</footer>\n</body></html>\n", escaped(made));
}

std::vector<ReportPicture> pictures_of(RunLog& run, const std::vector<std::string>& files) {
  auto pictures = event_pictures(run);
  std::error_code none;
  std::vector<fs::path> steps;
  for (const auto& entry : fs::directory_iterator(fs::path(run.folder) / "probe", none))
    if (fs::exists(entry.path() / "confusion.png", none)) steps.push_back(entry.path());
  if (!steps.empty()) {
    const auto newest = *std::ranges::max_element(steps);
    pictures.push_back(
        read_picture(newest / "confusion.png", "Classes taken for one another",
                     fmt::format("Rows are true classes, columns what the linear head of "
                                 "ijepa-probe took them for ({}).",
                                 newest.filename().string())));
  }
  for (const auto& file : files)
    pictures.push_back(read_picture(file, fs::path(file).stem().string(), file));
  return pictures;
}

}  // namespace ijepa::tools
