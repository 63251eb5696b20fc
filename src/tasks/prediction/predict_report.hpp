// Predict report: blocks asked about as CSV, JSON and a sheet of pictures.
#pragma once
#include <string>
#include <vector>

#include "ijepa/data/images/image.hpp"
#include "ijepa/model/grid.hpp"
#include "ijepa/tasks/images/open_images.hpp"
#include "ijepa/tasks/prediction/predict.hpp"

namespace ijepa {

std::string as_csv(const PredictResult& result, Grid grid, const Dataset& input,
                   const Dataset& bank);
std::string as_json(const PredictResult& result);

/// A row of the sheet.
struct BlockRow {
  Image picture;                          // of the encoder's size
  std::vector<std::int32_t> context;      // patches that were seen
  Box truth;                              // in pixels
  std::string key = {};                   // of the picture
  double own = 0;                         // similarity of prediction and truth
  std::vector<Image> hits = {};           // blocks, of the truth's size
  std::vector<double> similarities = {};  // of prediction and hits
};

/// The context (what is hidden in grey, the block framed), the truth, then the hits, with their
/// similarities. A PNG; without rows none, and none of a former call either.
void write_block_sheet(const std::vector<BlockRow>& rows, Grid grid, const std::string& path);

/// The picture of a row with what is hidden in grey and the block framed.
Image seen_context(const BlockRow& row, Grid grid);

/// The pixels of a box.
Image cut_out(const ImageView& picture, const Box& box);

}  // namespace ijepa
