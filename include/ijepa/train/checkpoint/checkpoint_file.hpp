// Checkpoint files: what a checkpoint folder holds and how to read it without ranks. A folder has
// part files (HDF5, one contiguous dataset a tensor piece) and manifest.json, written last, which
// says where every tensor lies and carries all checksums; reading needs no HDF5.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ijepa/core/tensor.hpp"

namespace ijepa {

/// What a checkpoint says beside its tensors.
struct CheckpointMeta {
  std::int64_t step = 0;
  std::map<std::string, std::string> text;  // UTF-8: configuration, cursor, ...
};

/// Elements [first, first + count) of a tensor in row-major order, at a byte offset of a part file.
struct TensorPiece {
  std::size_t part = 0;
  std::int64_t first = 0, count = 0;
  std::uint64_t file_offset = 0;
  std::uint64_t xxh3 = 0;  // of the bytes
};

struct StoredTensor {
  std::string group, name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;  // empty: one number
  std::vector<TensorPiece> pieces;  // in order, without gap or overlap

  std::int64_t numel() const;
  std::size_t bytes() const { return static_cast<std::size_t>(numel()) * size_of(dtype); }
};

struct PartFile {
  std::string file;  // in the checkpoint's folder
  std::uint64_t bytes = 0, xxh3 = 0;
};

struct CheckpointManifest {
  CheckpointMeta meta;
  std::vector<PartFile> parts;
  std::vector<StoredTensor> tensors;
};

/// Folders RUN/checkpoints/step_NNNNNNNN, newest first, whatever their state; empty when there is
/// none.
std::vector<std::string> list_checkpoints(const std::string& run_dir);
/// "RUN/checkpoints/step_00001234".
std::string checkpoint_folder(const std::string& run_dir, std::int64_t step);
/// The step in such a folder's name.
std::int64_t checkpoint_step(const std::string& folder);

/// An Error says what is missing or damaged, or that the file has more than 256 MiB. Checks the
/// manifest's own checksum and that all tensors are complete; does not read the parts.
CheckpointManifest read_manifest(const std::string& folder);
/// An Error names the first part that is missing or cut short. Reads no part.
void check_part_sizes(const std::string& folder, const CheckpointManifest& manifest);
/// An Error names the first part that is missing, cut short or changed. Reads every byte.
void verify_parts(const std::string& folder, const CheckpointManifest& manifest);
/// One piece of a tensor; `out` has its bytes. An Error when they do not have its checksum.
void read_piece(const std::string& folder, const CheckpointManifest& manifest,
                const StoredTensor& tensor, std::size_t piece, std::span<std::byte> out);
/// The elements of `tensor`, row-major; `out` has tensor.bytes() bytes. An Error when they do not
/// have the checksums of the manifest.
void read_tensor(const std::string& folder, const CheckpointManifest& manifest,
                 const StoredTensor& tensor, std::span<std::byte> out);

std::string manifest_text(const CheckpointManifest& manifest);
/// An Error when the text is no manifest, does not have its own checksum, names tensors that are
/// incomplete, or is above the limits of parse_json(). `path` is for messages.
CheckpointManifest parse_manifest(const std::string& text, const std::string& path);

}  // namespace ijepa
