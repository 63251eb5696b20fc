// An ONNX model on disk, one tensor in memory at a time: one file, or, where protobuf's 2 GiB do
// not hold the weights, the graph in one file and the weights in another beside it.
#pragma once
#include <onnx.pb.h>

#include <string>
#include <vector>

#include "element.hpp"

namespace ijepa {

/// Writes the model with `weights`, float32, among its graph's constants. `beside`, or more bytes
/// than one message may have: those of 1 KiB and more in PATH.data, at multiples of 4 KiB, as
/// ONNX's external data. The model's file appears last and whole. Returns the second file's path;
/// empty: there is none. An Error when PATH.data would replace a file.
std::string write_onnx(const std::string& path, onnx::Model model,
                       const std::vector<OutTensor>& weights, bool beside);

}  // namespace ijepa
