// Export: a checkpoint for other programs: the authors' archive, an encoder under Hugging Face or
// timm names, or one plain HDF5 file. One tensor at a time is in memory.
#pragma once
#include <cstdint>
#include <string>

namespace ijepa {

enum class ExportFormat : std::uint8_t { authors, hugging_face, timm, hdf5 };

struct ExportOptions {
  std::string checkpoint;  // its folder
  std::string out;         // a file (authors, hdf5), or a folder for model.safetensors, config.json
  ExportFormat format = ExportFormat::authors;
  std::string encoder = "target";    // or "context"; hugging_face and timm hold one
  std::int64_t steps_per_epoch = 0;  // for the epoch and the schedules; 0: from shards or import
};

struct ExportResult {
  std::int64_t tensors = 0;
  std::uint64_t bytes = 0;  // of them
  std::string holds;        // which encoders and what else
};

/// An Error, with nothing under the name `out`, when something of that name exists, the checkpoint
/// is damaged, or it lacks what the format needs.
ExportResult export_weights(const ExportOptions& options);

}  // namespace ijepa
