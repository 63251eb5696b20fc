// An encoder of a checkpoint as a file that ONNX's programs run.
#pragma once
#include "ijepa/train/weights/export.hpp"
#include "stored_weights.hpp"

namespace ijepa {

ExportResult export_onnx(const StoredWeights& weights, const ExportOptions& options);

}  // namespace ijepa
