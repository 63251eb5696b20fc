#include "sharded_weights.hpp"

#include <algorithm>
#include <filesystem>

#include "../checkpoint/checkpoint_disk.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/json_text.hpp"
#include "naming.hpp"

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
        file_of_[without_wrappers(tensor)] = file.get<std::string>();
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

}  // namespace

std::unique_ptr<WeightFile> open_sharded_weights(const std::string& index) {
  return std::make_unique<ShardedWeights>(index);
}

}  // namespace ijepa
