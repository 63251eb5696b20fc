// The authors' archive: encoder, predictor, target encoder, optimizer, scaler and where training
// stood, as their program loads it.
#pragma once
#include "ijepa/train/weights/export.hpp"
#include "stored_weights.hpp"

namespace ijepa {

ExportResult write_authors_archive(const StoredWeights& weights, const ExportOptions& options);

}  // namespace ijepa
