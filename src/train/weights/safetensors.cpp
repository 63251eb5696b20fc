#include "safetensors.hpp"

#include <algorithm>

#include "../checkpoint/checkpoint_disk.hpp"
#include "element.hpp"
#include "ijepa/core/json_text.hpp"
#include "naming.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t most_header_bytes = std::uint64_t{64} << 20;

class Safetensors final : public WeightFile {
 public:
  explicit Safetensors(const std::string& path) : WeightFile(path), file_(open_regular_file(path)) {
    const auto bytes = static_cast<std::uint64_t>(file_.size());
    std::uint64_t header_bytes = 0;
    file_.read(0, &header_bytes, sizeof header_bytes);
    check(header_bytes <= bytes - sizeof header_bytes && header_bytes <= most_header_bytes,
          "{} is no safetensors file: its header would have {} bytes.", path, header_bytes);
    data_ = sizeof header_bytes + header_bytes;
    std::string header(header_bytes, '\0');
    file_.read(sizeof header_bytes, header.data(), header.size());
    const std::string problem = fmt::format("The header of {} is damaged", path);
    const Json json = parse_json(header, problem);
    try {
      parse(json, bytes);
    } catch (const Json::exception& e) {
      fail("{}: {}.", problem, json_reason(e));
    }
  }

  const char* format() const override { return "safetensors"; }

  void read(const FileTensor& tensor, std::span<std::byte> out) override {
    file_.read(static_cast<std::int64_t>(data_ + begins_.at(tensor.name)), out.data(), out.size());
  }

  std::string description() override {
    const auto found = scalars_.find("__metadata__/ijepa");
    const auto* text = found == scalars_.end() ? nullptr : std::get_if<std::string>(&found->second);
    return text == nullptr ? std::string() : *text;
  }

  std::uint64_t fingerprint() override { return hash_file(path()).xxh3; }

 private:
  void parse(const Json& header, std::uint64_t file_bytes) {
    std::vector<FileTensor> tensors;
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__") {
        for (const auto& [key, text] : value.items())
          scalars_["__metadata__/" + key] = text.get<std::string>();
      } else {
        tensors.push_back(tensor_of(without_wrappers(name), value, file_bytes - data_));
      }
    }
    set_tensors(std::move(tensors), file_bytes);
  }

  FileTensor tensor_of(const std::string& name, const Json& entry, std::uint64_t data_bytes) {
    const auto type = entry.at("dtype").get<std::string>();
    const auto element = element_of_safetensors(type);
    check(element.has_value(), "{} in {} is of the type {}, which this program does not read.",
          name, path(), type);
    FileTensor tensor{name, *element, whole_numbers(entry.at("shape"))};
    const std::uint64_t begin = WholeNumber(entry.at("data_offsets").at(0));
    const std::uint64_t end = WholeNumber(entry.at("data_offsets").at(1));
    check(begin <= end && end <= data_bytes && end - begin == tensor.bytes(),
          "{} in {} is {}, but lies at bytes {} to {} of {}: the file is damaged or cut short.",
          name, path(), describe(tensor), begin, end, data_bytes);
    begins_[name] = begin;
    return tensor;
  }

  File file_;
  std::uint64_t data_ = 0;
  std::map<std::string, std::uint64_t> begins_;
};

}  // namespace

std::unique_ptr<WeightFile> open_safetensors(const std::string& path) {
  return std::make_unique<Safetensors>(path);
}

void write_safetensors(const std::string& path, const std::vector<OutTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header{{"__metadata__", metadata}};
  std::uint64_t at = 0;
  for (const auto& [tensor, fill] : tensors) {
    const auto end = at + tensor.bytes();
    header[tensor.name] = {{"dtype", element_row(tensor.element).safetensors},
                           {"shape", tensor.shape},
                           {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that numbers are aligned in a mapped file
  const std::uint64_t header_bytes = text.size();
  TemporaryFile out(path);
  out.file().write(0, &header_bytes, sizeof header_bytes);
  out.file().write(sizeof header_bytes, text.data(), text.size());
  auto offset = static_cast<std::int64_t>(sizeof header_bytes + text.size());
  std::vector<std::byte> bytes;
  for (const auto& [tensor, fill] : tensors) {
    bytes.resize(tensor.bytes());
    fill(bytes);
    out.file().write(offset, bytes.data(), bytes.size());
    offset += std::ssize(bytes);
  }
  out.publish();
}

}  // namespace ijepa
