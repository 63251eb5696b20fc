#include "checkpoint_folder.hpp"

#include <filesystem>

#include "checkpoint_disk.hpp"
#include "checkpoint_manifest.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

constexpr const char* part_name = "part_00000.h5";
constexpr const char* unfinished_prefix = "unfinished_";

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, "Cannot create the folder {}: {}.", folder.string(), error.message());
}

void remove_folder(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  check(!error, "Cannot remove {}: {}.", folder.string(), error.message());
}

/// What a killed save or removal left behind.
void remove_unfinished(const fs::path& checkpoints) {
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(checkpoints)) {
    if (entry.path().filename().string().starts_with(unfinished_prefix)) {
      left.push_back(entry.path());
    }
  }
  for (const auto& folder : left) remove_folder(folder);
}

void write_folder(const fs::path& folder, const CheckpointMeta& meta,
                  const std::vector<StoredTensor>& tensors, const TensorBytes& bytes_of) {
  make_folder(folder);
  const std::string part = (folder / part_name).string();
  CheckpointManifest manifest{meta, {}, write_part(part, tensors, bytes_of)};
  const FileHash hash = hash_file(part);
  manifest.parts.push_back({part_name, hash.bytes, hash.xxh3});
  write_file_atomically((folder / "manifest.json").string(), manifest_text(manifest));
  sync_folder(folder.string());
}

}  // namespace

void retire_checkpoint(const std::string& name) {
  const fs::path folder = name;
  const fs::path aside = folder.parent_path() / (unfinished_prefix + folder.filename().string());
  std::error_code error;
  fs::rename(folder, aside, error);
  check(!error, "Cannot rename {}: {}.", folder.string(), error.message());
  remove_folder(aside);
}

void write_checkpoint_folder(const std::string& target, const CheckpointMeta& meta,
                             const std::vector<StoredTensor>& tensors,
                             const TensorBytes& bytes_of) {
  const fs::path checkpoints = fs::path(target).parent_path();
  const fs::path unfinished =
      checkpoints / (unfinished_prefix + fs::path(target).filename().string());
  make_folder(checkpoints);
  remove_unfinished(checkpoints);
  try {
    write_folder(unfinished, meta, tensors, bytes_of);
    publish_folder(unfinished.string(), target);
    sync_folder(checkpoints.string());
  } catch (const Error& e) {
    std::error_code ignored;  // the first error is the one to tell
    fs::remove_all(unfinished, ignored);
    fail("The checkpoint of step {} was not saved; former ones are untouched. {}", meta.step,
         e.what());
  }
  remove_unfinished(checkpoints);
}

}  // namespace ijepa
