#include "ijepa/train/checkpoint/checkpoint_file.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>

#include "checkpoint_disk.hpp"
#include "ijepa/core/json_text.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view step_prefix = "step_";
constexpr std::uint64_t most_manifest_bytes = std::uint64_t{256} << 20;

std::optional<std::int64_t> step_of(const std::string& name) {
  if (!name.starts_with(step_prefix)) return std::nullopt;
  std::int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + step_prefix.size(), end, step);
  if (error != std::errc{} || stop != end || step < 0) return std::nullopt;
  return step;
}

using Json = nlohmann::json;

constexpr const char* manifest_format = "ijepa-checkpoint";
constexpr int format_version = 1;
constexpr std::array stored_types{DType::f64, DType::f32, DType::bf16, DType::i32, DType::u8};

std::string hex(std::uint64_t value) {
  return fmt::format("{:016x}", value);
}

std::uint64_t from_hex(const std::string& text) {
  std::size_t used = 0;
  std::uint64_t value = 0;
  try {
    value = std::stoull(text, &used, 16);
  } catch (const std::exception&) {
    used = 0;
  }
  check(used == 16 && text.size() == 16, "\"{}\" is no checksum", text);
  return value;
}

/// Over the compact text, so that indentation does not matter.
std::uint64_t checksum(const Json& manifest) {
  const std::string text = manifest.dump();
  return XXH3_64bits(text.data(), text.size());
}

DType type_named(const std::string& name) {
  for (const auto type : stored_types) {
    if (name == name_of(type)) return type;
  }
  fail("\"{}\" is no element type", name);
}

Json to_json(const StoredTensor& tensor) {
  Json pieces = Json::array();
  for (const auto& p : tensor.pieces) {
    pieces.push_back({{"part", p.part},
                      {"first", p.first},
                      {"count", p.count},
                      {"file_offset", p.file_offset},
                      {"xxh3", hex(p.xxh3)}});
  }
  return {{"group", tensor.group},
          {"name", tensor.name},
          {"dtype", name_of(tensor.dtype)},
          {"shape", tensor.shape},
          {"pieces", std::move(pieces)}};
}

StoredTensor tensor_from(const Json& j) {
  StoredTensor tensor{
      j.at("group"), j.at("name"), type_named(j.at("dtype")), whole_numbers(j.at("shape")), {}};
  for (const auto& p : j.at("pieces")) {
    tensor.pieces.push_back({WholeNumber(p.at("part")), WholeNumber(p.at("first")),
                             WholeNumber(p.at("count")), WholeNumber(p.at("file_offset")),
                             from_hex(p.at("xxh3"))});
  }
  return tensor;
}

PartFile part_from(const Json& j) {
  PartFile part{j.at("file"), WholeNumber(j.at("bytes")), from_hex(j.at("xxh3"))};
  check(!part.file.empty() && part.file[0] != '.' && part.file.find('/') == std::string::npos,
        "\"{}\" is no part file's name", part.file);
  return part;
}

void check_complete(const StoredTensor& tensor, const std::vector<PartFile>& parts) {
  std::int64_t next = 0;
  for (const auto& p : tensor.pieces) {
    check(
        p.part < parts.size() && p.first == next && p.count > 0 && p.count <= tensor.numel() - next,
        "the pieces of {}/{} do not follow each other", tensor.group, tensor.name);
    const std::uint64_t bytes = static_cast<std::uint64_t>(p.count) * size_of(tensor.dtype);
    const std::uint64_t end = parts[p.part].bytes;
    check(bytes <= end && p.file_offset <= end - bytes, "{}/{} reaches beyond its part file",
          tensor.group, tensor.name);
    next += p.count;
  }
  check(next == tensor.numel(), "{}/{} is incomplete", tensor.group, tensor.name);
}

CheckpointManifest manifest_from(Json j) {
  check(j.is_object() && j.value("format", "") == manifest_format, "it is not one");
  check(j.at("version") == format_version,
        "it has format version {}, and this program reads version {}", j.at("version").dump(),
        format_version);
  const std::uint64_t stated = from_hex(j.at("checksum"));
  j.erase("checksum");
  check(checksum(j) == stated, "its checksum is wrong");
  CheckpointManifest manifest;
  manifest.meta.step = WholeNumber(j.at("step"));
  manifest.meta.text = j.at("text").get<std::map<std::string, std::string>>();
  for (const auto& part : j.at("parts")) manifest.parts.push_back(part_from(part));
  for (const auto& tensor : j.at("tensors")) {
    manifest.tensors.push_back(tensor_from(tensor));
    check_complete(manifest.tensors.back(), manifest.parts);
  }
  return manifest;
}

}  // namespace

std::int64_t checkpoint_step(const std::string& folder) {
  const auto step = step_of(fs::path(folder).filename().string());
  check(step.has_value(), "{} is not named like a checkpoint.", folder);
  return *step;
}

std::string checkpoint_folder(const std::string& run_dir, std::int64_t step) {
  return (fs::path(run_dir) / "checkpoints" / fmt::format("{}{:08}", step_prefix, step)).string();
}

std::vector<std::string> list_checkpoints(const std::string& run_dir) {
  std::vector<std::pair<std::int64_t, std::string>> found;
  const fs::path folder = fs::path(run_dir) / "checkpoints";
  std::error_code error;
  if (!fs::exists(folder, error)) return {};
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (const auto step = step_of(it->path().filename().string())) {
      found.emplace_back(*step, it->path().string());
    }
  }
  check(!error, "Cannot list {}: {}.", folder.string(), error.message());
  std::sort(found.rbegin(), found.rend());
  std::vector<std::string> folders;
  for (auto& f : found) folders.push_back(std::move(f.second));
  return folders;
}

CheckpointManifest read_manifest(const std::string& folder) {
  const std::string path = (fs::path(folder) / "manifest.json").string();
  check(fs::exists(folder), "There is no checkpoint at {}.", folder);
  check(fs::exists(path), "{} is no checkpoint: {} is missing.", folder, path);
  const File file = open_regular_file(path);
  const auto bytes = static_cast<std::uint64_t>(file.size());
  check(bytes <= most_manifest_bytes, "{} of {} bytes is no checkpoint's manifest.", path, bytes);
  std::string text(bytes, '\0');
  file.read(0, text.data(), text.size());
  return parse_manifest(text, path);
}

void check_part_sizes(const std::string& folder, const CheckpointManifest& manifest) {
  for (const auto& part : manifest.parts) {
    const std::string path = (fs::path(folder) / part.file).string();
    const auto bytes = static_cast<std::uint64_t>(open_regular_file(path).size());
    check(bytes == part.bytes, "{} has {} bytes instead of {}.", path, bytes, part.bytes);
  }
}

void verify_parts(const std::string& folder, const CheckpointManifest& manifest) {
  check_part_sizes(folder, manifest);
  for (const auto& part : manifest.parts) {
    const std::string path = (fs::path(folder) / part.file).string();
    check(hash_file(path).xxh3 == part.xxh3, "{} was changed after it was written.", path);
  }
}

void read_piece(const std::string& folder, const CheckpointManifest& manifest,
                const StoredTensor& tensor, std::size_t index, std::span<std::byte> out) {
  const TensorPiece& piece = tensor.pieces.at(index);
  const std::string path = (fs::path(folder) / manifest.parts.at(piece.part).file).string();
  open_regular_file(path).read(static_cast<std::int64_t>(piece.file_offset), out.data(),
                               out.size());
  check(XXH3_64bits(out.data(), out.size()) == piece.xxh3,
        "{}/{} in {} was changed after it was written.", tensor.group, tensor.name, path);
}

void read_tensor(const std::string& folder, const CheckpointManifest& manifest,
                 const StoredTensor& tensor, std::span<std::byte> out) {
  check(out.size() == tensor.bytes(), "{}/{} has {} bytes, not {}.", tensor.group, tensor.name,
        tensor.bytes(), out.size());
  const auto element = size_of(tensor.dtype);
  for (std::size_t p = 0; p < tensor.pieces.size(); ++p) {
    const TensorPiece& piece = tensor.pieces[p];
    read_piece(folder, manifest, tensor, p,
               out.subspan(static_cast<std::size_t>(piece.first) * element,
                           static_cast<std::size_t>(piece.count) * element));
  }
}

std::int64_t StoredTensor::numel() const {
  std::int64_t n = 1;
  for (const auto size : shape) {
    check(size > 0 && !__builtin_mul_overflow(n, size, &n) && n < (std::int64_t{1} << 56),
          "{}/{} has an impossible shape", group, name);
  }
  return n;
}

std::string manifest_text(const CheckpointManifest& manifest) {
  Json j{{"format", manifest_format},  {"version", format_version}, {"step", manifest.meta.step},
         {"text", manifest.meta.text}, {"parts", Json::array()},    {"tensors", Json::array()}};
  for (const auto& p : manifest.parts) {
    j["parts"].push_back({{"file", p.file}, {"bytes", p.bytes}, {"xxh3", hex(p.xxh3)}});
  }
  for (const auto& t : manifest.tensors) j["tensors"].push_back(to_json(t));
  try {
    j["checksum"] = hex(checksum(j));
    return j.dump(1) + "\n";
  } catch (const Json::exception& e) {
    fail("The texts of a checkpoint must be UTF-8 ({}).", json_reason(e));
  }
}

CheckpointManifest parse_manifest(const std::string& text, const std::string& path) {
  const std::string problem = path + " is damaged or no checkpoint's manifest";
  Json json = parse_json(text, problem);
  try {
    return manifest_from(std::move(json));
  } catch (const std::exception& e) {
    fail("{}: {}.", problem, json_reason(e));
  }
}

}  // namespace ijepa
