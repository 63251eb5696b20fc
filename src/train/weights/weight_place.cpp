#include "weight_place.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <regex>
#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/core/numpy_archive.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

/// In the order in which Hugging Face's libraries look for them.
constexpr std::array<const char*, 4> usual_names{
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
    "pytorch_model.bin.index.json"};
constexpr std::array<std::string_view, 6> endings{".safetensors", ".index.json", ".pth.tar",
                                                  ".pth",         ".pt",         ".ckpt"};

struct Kind {
  std::size_t offset;  // of the signature
  std::string_view signature;
  const char* text;
};
using namespace std::string_view_literals;
constexpr std::array<Kind, 16> kinds{{
    {0, "version https://git-lfs",
     "a pointer of Git LFS, not the weights themselves: git lfs pull "
     "fetches them"},
    {0, "<",
     "an HTML page (or XML), not weights: the download gave a page of a web site, such as a "
     "sign-in or an error; fetch the file again"},
    {0, "\x1f\x8b"sv, "compressed by gzip: unpack it first (gunzip)"},
    {0, "BZh", "compressed by bzip2: unpack it first (bunzip2)"},
    {0,
     "\xfd"
     "7zXZ"sv,
     "compressed by xz: unpack it first (unxz)"},
    {0, "\x28\xb5\x2f\xfd"sv, "compressed by zstd: unpack it first (unzstd)"},
    {0, "7z\xbc\xaf"sv, "a 7-Zip archive: unpack it first"},
    {257, "ustar", "a tar archive: unpack it and name the file of weights in it"},
    {0, "\x80\x02\x8a\nl\xfc\x9c"sv,
     "in PyTorch's format from before version 1.6: load it with "
     "PyTorch, where you trust it, and save it again"},
    {0, "\x80"sv,
     "a plain pickle, which runs what it likes when it is loaded: load it where you "
     "trust it, and save the tensors by torch.save or as safetensors"},
    {0, "\x89HDF"sv, "an HDF5 file: weights are read from torch archives and safetensors"},
    {0, "\x93NUMPY"sv, "a NumPy array: weights are read from torch archives and safetensors"},
    {0, "GGUF", "a GGUF file: weights are read from torch archives and safetensors"},
    {0, "{", "a JSON file: name the weights beside it, or their folder"},
    {0, "\xff\xd8\xff"sv, "a JPEG image"},
    {0, "\x89PNG"sv, "a PNG image"},
}};

/// A message of ONNX begins with its field 1, the version, and goes on with field 2, its maker.
bool is_onnx(std::string_view start) {
  return start.size() > 2 && start[0] == 0x08 && start[2] == 0x12;
}

bool has_ending(const std::string& name) {
  return !name.starts_with('.') && !name.starts_with("training_args") &&
         (std::ranges::any_of(endings, [&](auto e) { return name.ends_with(e); }) ||
          name.ends_with(".bin"));
}

std::vector<std::string> weights_among(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const auto name = it->path().filename().string();
    if (has_ending(name) && !it->is_directory(error)) names.push_back(name);
  }
  check(!error, "The folder {} cannot be read: {}.", folder.string(), error.message());
  std::ranges::sort(names);
  return names;
}

bool holds_files_of_weights(const fs::path& folder) {
  return std::ranges::any_of(usual_names,
                             [&](const char* name) { return fs::exists(folder / name); }) ||
         !weights_among(folder).empty();
}

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->is_directory(error)) folders.push_back(it->path());
  check(!error, "The folder {} cannot be read: {}.", folder.string(), error.message());
  std::ranges::sort(folders);
  return folders;
}

/// Hugging Face's cache keeps a model as models--OWNER--NAME/snapshots/REVISION.
bool is_cache_of_model(const fs::path& folder) {
  std::error_code error;
  return fs::is_directory(folder / "snapshots", error) && weights_among(folder).empty();
}

std::vector<fs::path> snapshots_with_weights(const fs::path& cache) {
  auto folders = folders_in(cache / "snapshots");
  std::erase_if(folders, [](const auto& folder) { return !holds_files_of_weights(folder); });
  return folders;
}

/// The one snapshot with weights in such a cache.
fs::path snapshot_in(const fs::path& cache) {
  const auto found = snapshots_with_weights(cache);
  check(!found.empty(),
        "{} is a cache of Hugging Face without weights that are read: its snapshots hold no "
        "safetensors and no torch archive.",
        cache.string());
  check(found.size() == 1,
        "{} is a cache of Hugging Face with the weights of {} revisions: name one of their "
        "folders, such as {}.",
        cache.string(), found.size(), found.front().string());
  return found.front();
}

/// Error for the cache itself, which keeps any number of models.
void refuse_cache_of_models(const fs::path& folder) {
  for (const auto& inner : folders_in(folder))
    check(!(inner.filename().string().starts_with("models--") && is_cache_of_model(inner)),
          "{} is Hugging Face's cache of models: name the folder of one, such as {}.",
          folder.string(), inner.string());
}

}  // namespace

std::string weights_in(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return path;
  const fs::path folder = path;
  if (fs::exists(folder / "manifest.json")) {
    refuse_replay(read_manifest(path).meta, path);
    fail(
        "{} is a checkpoint of this suite, not another program's weights: programs take it as "
        "--checkpoint, and ijepa-inspect shows it.",
        path);
  }
  check(list_checkpoints(path).empty(),
        "{} is a run folder, not another program's weights: programs take it as --run.", path);
  for (const char* name : usual_names)
    if (fs::exists(folder / name)) return (folder / name).string();
  if (is_cache_of_model(folder)) return weights_in(snapshot_in(folder).string());
  const auto names = weights_among(folder);
  if (names.empty()) refuse_cache_of_models(folder);
  check(!names.empty(),
        "{} is a folder without weights: it holds no checkpoint, no safetensors and no torch "
        "archive.",
        path);
  check(names.size() == 1, "{} holds several files of weights: name one of {}{}.", path,
        fmt::join(names.begin(), names.begin() + std::min<std::ptrdiff_t>(4, std::ssize(names)),
                  ", "),
        names.size() > 4 ? ", ..." : "");
  return (folder / names.front()).string();
}

bool has_weights(const std::string& folder) {
  return holds_files_of_weights(folder) ||
         (is_cache_of_model(folder) && !snapshots_with_weights(folder).empty());
}

void refuse_as_weights(const std::string& path, std::string_view start) {
  const auto text = start.substr(std::min(start.find_first_not_of(" \t\r\n"), start.size()));
  for (const auto& kind : kinds) {
    const auto from = kind.offset == 0 ? text : start;
    if (from.size() >= kind.offset && from.substr(kind.offset).starts_with(kind.signature))
      fail("{} is {}.", path, kind.text);
  }
  check(!is_numpy_archive(start),
        "{} is an archive of NumPy arrays (.npz): weights are read from torch archives and "
        "safetensors. Save the arrays as safetensors, under the names of the network's parameters.",
        path);
  check(!is_onnx(start),
        "{} is an ONNX model: weights are read from torch archives and safetensors.", path);
  fail("{} is neither a torch archive (.pth.tar, .pt, .bin) nor a safetensors file.", path);
}

bool is_one_of_several(const std::string& path) {
  static const std::regex part(R"(.*-(\d{5})-of-(\d{5})\..*)");
  std::smatch match;
  const auto name = fs::path(path).filename().string();
  return std::regex_match(name, match, part) && match[2].str() != "00001";
}

}  // namespace ijepa
