#include "ijepa/train/weights/weight_file.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "../checkpoint/checkpoint_disk.hpp"
#include "element.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/json_text.hpp"
#include "ijepa/core/numpy_archive.hpp"
#include "naming.hpp"
#include "safetensors.hpp"
#include "torch_archive.hpp"
#include "weight_place.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t most_index_bytes = std::int64_t{64} << 20;
constexpr std::size_t most_files = 1000;

class ShardedWeights final : public WeightFile {
 public:
  explicit ShardedWeights(const std::string& index) : WeightFile(index) {
    const auto bytes = open_regular_file(index).size();
    check(bytes <= most_index_bytes, "{} is no index of weights: it has {} bytes.", index, bytes);
    const std::string problem = index + " is no index of weights";
    const auto json = parse_json(read_text_file(index), problem);
    try {
      for (const auto& [tensor, file] : json.at("weight_map").items())
        check(file_of_.emplace(without_wrappers(tensor), file.get<std::string>()).second,
              "{} names the tensor {} twice.", index, without_wrappers(tensor));
    } catch (const nlohmann::json::exception& e) {
      fail("{}: {}.", problem, json_reason(e));
    }
    open_files();
    take_tensors();
  }

  const char* format() const override { return format_.c_str(); }
  void read(const FileTensor& tensor, std::span<std::byte> out) override {
    files_.at(file_of_.at(tensor.name))->read(tensor, out);
  }
  std::uint64_t fingerprint() override {
    Hasher hasher;
    for (const auto& [name, file] : files_) {
      const auto text = fmt::format("{} {:016x}\n", name, file->fingerprint());
      hasher.add(std::as_bytes(std::span(text)));
    }
    return hasher.digest();
  }

 private:
  void open_files() {
    const auto folder = fs::path(path()).parent_path();
    for (const auto& [tensor, name] : file_of_) {
      if (files_.contains(name)) continue;
      check(!name.empty() && fs::path(name).filename() == name && !name.ends_with(".index.json") &&
                !fs::is_directory(folder / name),
            "{} is refused: it names {}, which is no file of weights beside it.", path(), name);
      check(files_.size() < most_files, "{} is refused: it names more than {} files.", path(),
            most_files);
      files_[name] = open_weight_file((folder / name).string());
    }
    check(!files_.empty(), "{} names no file.", path());
    const auto& first = *files_.begin()->second;
    format_ = fmt::format("{} files of {}", files_.size(), first.format());
    scalars_ = first.scalars();
  }
  void take_tensors() {
    std::vector<FileTensor> tensors;
    std::uint64_t bytes = 0;
    for (const auto& [name, file] : file_of_) {
      const FileTensor* tensor = files_.at(file)->find(name);
      check(tensor != nullptr, "{} says that {} is in {}, which does not hold it.", path(), name,
            file);
      tensors.push_back(*tensor);
      bytes = std::max(bytes, tensor->bytes());
    }
    set_tensors(std::move(tensors), bytes);
  }

  std::map<std::string, std::string> file_of_;
  std::map<std::string, std::unique_ptr<WeightFile>> files_;
  std::string format_;
};

std::unique_ptr<WeightFile> open_sharded_weights(const std::string& index) {
  return std::make_unique<ShardedWeights>(index);
}

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 50;

/// IEEE half to float32; every half is a float32.
float from_half(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  if (exponent < 31) return sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  return fraction == 0 ? sign * std::numeric_limits<float>::infinity()
                       : std::numeric_limits<float>::quiet_NaN();
}

template <class From, class Convert>
void convert(std::span<const std::byte> bytes, std::span<float> out, const Convert& as_float) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    out[i] = as_float(value);
  }
}

}  // namespace

std::uint64_t FileTensor::bytes() const {
  std::uint64_t n = size_of(element);
  for (const auto size : shape) {
    check(size >= 0 && !__builtin_mul_overflow(n, static_cast<std::uint64_t>(size), &n) &&
              n <= most_bytes,
          "{} has an impossible shape, ({}).", name, fmt::join(shape, ", "));
  }
  return n;
}

std::string describe(const FileTensor& tensor) {
  return fmt::format("{} ({})", name_of(tensor.element), fmt::join(tensor.shape, ", "));
}

void WeightFile::set_tensors(std::vector<FileTensor> tensors, std::uint64_t file_bytes) {
  tensors_ = std::move(tensors);
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const auto& t = tensors_[i];
    check(index_.emplace(t.name, i).second, "{} holds the tensor {} twice.", path_, t.name);
    const auto more = t.bytes();
    check(more <= file_bytes,
          "{} is refused: its tensor {} would have more bytes than the file, {}.", path_, t.name,
          file_bytes);
  }
}

const FileTensor* WeightFile::find(const std::string& name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &tensors_[it->second];
}

double WeightFile::number(const std::string& name, double otherwise) const {
  const auto it = scalars_.find(name);
  if (it == scalars_.end()) return otherwise;
  if (const auto* whole = std::get_if<std::int64_t>(&it->second))
    return static_cast<double>(*whole);
  const auto* real = std::get_if<double>(&it->second);
  return real != nullptr ? *real : otherwise;
}

std::unique_ptr<WeightFile> open_weight_file(const std::string& path_or_folder) {
  const auto path = weights_in(path_or_folder);
  const File file = open_regular_file(path);
  check(file.size() >= 9, "{} of {} bytes holds no weights.", path, file.size());
  std::array<char, 512> head{};
  const auto bytes = std::min<std::int64_t>(file.size(), std::ssize(head));
  file.read(0, head.data(), static_cast<std::size_t>(bytes));
  const std::string_view start(head.data(), static_cast<std::size_t>(bytes));
  if (start.starts_with("PK") && !is_numpy_archive(start)) return open_torch_archive(path);
  if (path.ends_with(".index.json")) return open_sharded_weights(path);
  // Before a safetensors header lies its length, whose last bytes are no text.
  const bool is_text = std::ranges::all_of(start.substr(0, 8), [](char c) { return c >= '\t'; });
  if (start[8] == '{' && !is_text) return open_safetensors(path);
  refuse_as_weights(path, start);
}

void read_as_float(WeightFile& file, const FileTensor& tensor, std::span<float> out) {
  if (tensor.element == Element::f32) return file.read(tensor, std::as_writable_bytes(out));
  std::vector<std::byte> bytes(tensor.bytes());
  file.read(tensor, bytes);
  switch (tensor.element) {
    case Element::f64:
      return convert<double>(bytes, out, [](double v) { return static_cast<float>(v); });
    case Element::f16:
      return convert<std::uint16_t>(bytes, out, from_half);
    case Element::bf16:
      return convert<BFloat16>(bytes, out, [](BFloat16 v) { return static_cast<float>(v); });
    default:
      fail("{} in {} holds {} numbers, and weights are floating-point.", tensor.name, file.path(),
           name_of(tensor.element));
  }
}

}  // namespace ijepa
