#include "ijepa/train/checkpoint/checkpoint_file.hpp"

#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>

#include "checkpoint_disk.hpp"
#include "checkpoint_manifest.hpp"

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

}  // namespace ijepa
