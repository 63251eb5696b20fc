#include "onnx_export.hpp"

#include <nlohmann/json.hpp>

#include "onnx_encoder.hpp"
#include "onnx_file.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::json;

constexpr int ir_version = 8, operator_set = 17;  // of ONNX 1.12: the first with LayerNormalization

void add_metadata(onnx::Model& model, const StoredWeights& weights, const ExportOptions& options) {
  const auto& e = weights.recipe().model.encoder;
  const auto& data = weights.recipe().data;
  const auto put = [&](const char* key, const std::string& value) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  };
  put("encoder", options.encoder);
  put("image_mean", Json(data.mean).dump());
  put("image_std", Json(data.std).dump());
  put("image_size", Json{e.image_height, e.image_width}.dump());
  put("patch_size", std::to_string(e.patch));
}

}  // namespace

ExportResult export_onnx(const StoredWeights& weights, const ExportOptions& options) {
  const auto& recipe = weights.recipe();
  const auto tensors = weights.group(weights.encoder_group(options.encoder), {});
  onnx::Model model;
  model.set_ir_version(ir_version);
  model.set_producer_name("ijepa");
  model.set_doc_string("Encoder of " + recipe.model.encoder.name + ", pretrained by I-JEPA");
  model.add_opset_import()->set_version(operator_set);
  model.mutable_graph()->set_name("encoder");
  add_metadata(model, weights, options);
  OnnxGraph graph(*model.mutable_graph());
  add_encoder(graph, recipe.model.encoder,
              {options.include_normalization, recipe.data.mean, recipe.data.std});
  ExportResult result{std::ssize(tensors), 0, options.encoder + " encoder", {}};
  for (const auto& t : tensors) result.bytes += t.tensor.bytes();
  result.beside = write_onnx(options.out, model, tensors, options.external_data);
  return result;
}

}  // namespace ijepa
