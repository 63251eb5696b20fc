// Export: a checkpoint for other programs: the authors' archive, an encoder under Hugging Face or
// timm names, as an ONNX model, or all as one plain HDF5 file. One tensor at a time is in memory.
#pragma once
#include <cstdint>
#include <string>

namespace ijepa {

enum class ExportFormat : std::uint8_t { authors, hugging_face, timm, hdf5, onnx };

struct ExportOptions {
  std::string checkpoint;  // its folder
  std::string out;         // a file (authors, hdf5, onnx), or a folder for model.safetensors, ...
  ExportFormat format = ExportFormat::authors;
  std::string encoder = "target";      // or "context"; hugging_face, timm and onnx hold one
  std::int64_t steps_per_epoch = 0;    // for the epoch and the schedules; 0: from shards or import
  bool include_normalization = false;  // onnx: the model takes pixels (B, H, W, C) of pixel_type(C)
  bool external_data = false;          // onnx: weights in OUT.data, as always above 2 GiB
};

struct ExportResult {
  std::int64_t tensors = 0;
  std::uint64_t bytes = 0;  // of them
  std::string holds;        // which encoders and what else
  std::string beside;       // a second file that belongs to `out`; empty: none
};

/// An Error, with nothing under the name `out`, when something of that name exists, the checkpoint
/// is damaged, or it lacks what the format needs.
ExportResult export_weights(const ExportOptions& options);

}  // namespace ijepa
