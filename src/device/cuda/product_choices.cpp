#include "product_choices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"

namespace ijepa::cuda {
namespace {

using nlohmann::json;

constexpr std::size_t digits_a_word = 16;

std::string hexadecimal(const AlgorithmData& algorithm) {
  std::string text;
  for (const std::uint64_t word : algorithm) text += fmt::format("{:016x}", word);
  return text;
}

std::optional<AlgorithmData> algorithm_of(std::string_view text) {
  AlgorithmData algorithm{};
  if (text.size() != algorithm.size() * digits_a_word) return std::nullopt;
  for (std::uint64_t& word : algorithm) {
    const char* end = text.data() + digits_a_word;
    const auto [stop, error] = std::from_chars(text.data(), end, word, 16);
    if (error != std::errc() || stop != end) return std::nullopt;
    text.remove_prefix(digits_a_word);
  }
  return algorithm;
}

struct Line {
  std::string place, product;
  ProductChoice choice;
};

std::string text_of(const Line& line) {
  return json{{"place", line.place},
              {"product", line.product},
              {"algorithm", hexadecimal(line.choice.algorithm)},
              {"apart", line.choice.apart},
              {"microseconds", line.choice.microseconds}}
             .dump() +
         "\n";
}

std::optional<Line> line_of(const std::string& text) {
  try {
    const json parsed = json::parse(text);
    const auto algorithm = algorithm_of(parsed.at("algorithm").get<std::string>());
    if (!algorithm) return std::nullopt;
    return Line{parsed.at("place"),
                parsed.at("product"),
                {*algorithm, parsed.at("apart").get<bool>(),
                 parsed.at("microseconds").get<std::vector<double>>()}};
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

std::string whole(const File& file) {
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, text.data(), text.size());
  return text;
}

}  // namespace

std::int64_t rows_on_grid(std::int64_t rows) {
  const auto octave = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(rows)));
  const std::int64_t step = std::max<std::int64_t>(octave / 8, 1);
  return (rows + step - 1) / step * step;
}

std::string choice_name(const Product& p, const Alignment& alignment) {
  const std::int64_t m = p.transpose_a ? p.m : rows_on_grid(p.m);
  const std::int64_t k = p.transpose_a ? rows_on_grid(p.k) : p.k;
  constexpr std::array epilogues{"", ", bias", ", sums"};
  return fmt::format(
      "{}x{}x{} {} to {}{}{}{}, aligned {} {} {}", m, p.n, k, name_of(p.type), name_of(p.c_type),
      p.transpose_a ? ", a transposed" : "", p.transpose_b ? ", b transposed" : "",
      epilogues.at(static_cast<std::size_t>(p.epilogue)), alignment[0], alignment[1], alignment[2]);
}

std::size_t fastest(const std::vector<double>& microseconds) {
  const auto least = std::min_element(microseconds.begin(), microseconds.end());
  if (*least > 0.98 * microseconds.front()) return 0;
  return static_cast<std::size_t>(least - microseconds.begin());
}

ProductChoices::ProductChoices(std::string file, std::string place, Log log)
    : file_(std::move(file)), place_(std::move(place)), log_(log) {
  with_file([](File&) {});
}

/// Reads the file, then uses it, while no other process writes.
template <class Use>
void ProductChoices::with_file(Use use) {
  File file(file_, File::Mode::update);
  file.lock();
  read(whole(file));
  use(file);
}

template <class Work>
void ProductChoices::or_warn(Work work) {
  try {
    work();
  } catch (const Error& e) {
    if (!std::exchange(warned_of_file_, true))
      log_.warn(
          "{} Algorithms of products that are measured from now on may be lost, and a resumed run "
          "may then round otherwise.",
          e.what());
  }
}

const ProductChoice* ProductChoices::find(const std::string& product) {
  if (!choices_.contains(product)) or_warn([&] { with_file([](File&) {}); });
  const auto found = choices_.find(product);
  return found == choices_.end() ? nullptr : &found->second;
}

const ProductChoice& ProductChoices::settle(const std::string& product,
                                            const ProductChoice& measured) {
  or_warn([&] {
    with_file([&](File& file) {
      if (choices_.contains(product)) return;
      const std::string text = whole(file);
      // Whoever wrote last may have been ended in the middle of a line.
      const bool torn = !text.empty() && text.back() != '\n';
      std::string line = torn ? "\n" : "";
      line += text_of({place_, product, measured});
      file.write(static_cast<std::int64_t>(text.size()), line.data(), line.size());
      file.sync();
    });
  });
  return choices_.try_emplace(product, measured).first->second;
}

void ProductChoices::read(const std::string& text) {
  std::istringstream lines(text);
  std::string words;
  int others = 0;
  while (std::getline(lines, words)) {
    const auto line = line_of(words);
    if (!line)
      ++others;
    else if (line->place == place_)
      choices_.try_emplace(line->product, line->choice);
  }
  if (others > 0 && !std::exchange(warned_of_lines_, true))
    log_.warn("{} has {} damaged line{}; algorithms that are missing are measured again.", file_,
              others, others == 1 ? "" : "s");
}

}  // namespace ijepa::cuda
