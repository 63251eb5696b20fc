#include "ijepa/train/weights/export.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "../checkpoint/checkpoint_disk.hpp"
#include "../checkpoint/checkpoint_part.hpp"
#include "authors_archive.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/resize.hpp"
#include "onnx_export.hpp"
#include "safetensors.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;
using OrderedJson = nlohmann::ordered_json;

/// "image_size" is one number for a square and two, height and width, else.
OrderedJson image_size(const EncoderConfig& e) {
  if (e.image_height == e.image_width) return e.image_height;
  return {e.image_height, e.image_width};
}

OrderedJson hugging_face_config(const StoredWeights& weights) {
  const auto& e = weights.recipe().model.encoder;
  return {{"architectures", {"IJepaModel"}},
          {"model_type", "ijepa"},
          {"hidden_size", e.width},
          {"num_hidden_layers", e.depth},
          {"num_attention_heads", e.heads},
          {"intermediate_size", e.mlp_hidden},
          {"image_size", image_size(e)},
          {"patch_size", e.patch},
          {"num_channels", e.channels},
          {"qkv_bias", true},
          {"hidden_act", "gelu"},
          {"layer_norm_eps", 1e-6}};
}

OrderedJson hugging_face_preprocessor(const StoredWeights& weights) {
  const auto& e = weights.recipe().model.encoder;
  const auto& data = weights.recipe().data;
  return {{"image_processor_type", "ViTImageProcessor"},
          {"do_resize", true},
          {"size", {{"height", e.image_height}, {"width", e.image_width}}},
          {"resample", 2},
          {"do_rescale", true},
          {"rescale_factor", 1.0 / (e.channels == 3 ? 255 : 65535)},
          {"do_normalize", true},
          {"image_mean", data.mean},
          {"image_std", data.std}};
}

/// timm resizes the shorter side to floor(side / crop_pct), which is to be the size of
/// evaluation_size() whatever the rounding.
double crop_share(const EncoderConfig& e) {
  const auto crop = static_cast<int>(std::min(e.image_height, e.image_width));
  const double side = crop;
  const double resized = evaluation_size({2 * crop, 2 * crop}, {crop, crop}).height;
  double share = side / resized;
  while (std::floor(side / share) < resized) share = std::nextafter(share, 0.0);
  return share;
}

/// timm builds any size from one of its architectures and arguments that replace its own.
OrderedJson timm_config(const StoredWeights& weights) {
  const auto& e = weights.recipe().model.encoder;
  const auto& data = weights.recipe().data;
  const OrderedJson input{e.channels, e.image_height, e.image_width};
  OrderedJson config{
      {"architecture", "vit_huge_patch14_gap_224"},
      {"num_classes", 0},
      {"num_features", e.width},
      {"global_pool", "avg"},
      {"model_args",
       {{"img_size", {e.image_height, e.image_width}},
        {"patch_size", e.patch},
        {"embed_dim", e.width},
        {"depth", e.depth},
        {"num_heads", e.heads},
        {"mlp_ratio", static_cast<double>(e.mlp_hidden) / static_cast<double>(e.width)},
        {"class_token", false},
        {"global_pool", "avg"},
        {"fc_norm", false}}},
      {"pretrained_cfg",
       {{"input_size", input},
        {"fixed_input_size", true},
        {"num_classes", 0},
        {"mean", data.mean},
        {"std", data.std},
        {"crop_pct", crop_share(e)},
        {"interpolation", "bilinear"},
        {"first_conv", "patch_embed.proj"},
        {"classifier", "head"}}}};
  if (e.channels != 3) config["model_args"]["in_chans"] = e.channels;
  return config;
}

std::uint64_t bytes_of(const std::vector<OutTensor>& tensors) {
  std::uint64_t bytes = 0;
  for (const auto& t : tensors) bytes += t.tensor.bytes();
  return bytes;
}

/// A folder that is complete when it appears.
ExportResult write_encoder_folder(const StoredWeights& weights, const ExportOptions& options) {
  const bool timm = options.format == ExportFormat::timm;
  const auto tensors = weights.group(weights.encoder_group(options.encoder),
                                     {timm ? NameStyle::plain : NameStyle::hugging_face, ""});
  const fs::path unfinished = options.out + ".unfinished";
  std::error_code error;
  fs::remove_all(unfinished, error);
  make_folder(unfinished.string());
  try {
    write_safetensors(
        (unfinished / "model.safetensors").string(), tensors,
        {{"format", "pt"}, {"encoder", options.encoder}, {"ijepa", weights.description()}});
    const auto write_json = [&](const char* name, const OrderedJson& json) {
      write_file_atomically((unfinished / name).string(), json.dump(2) + "\n");
    };
    write_json("config.json", timm ? timm_config(weights) : hugging_face_config(weights));
    if (!timm) write_json("preprocessor_config.json", hugging_face_preprocessor(weights));
    publish_folder(unfinished.string(), options.out);
  } catch (...) {
    fs::remove_all(unfinished, error);
    throw;
  }
  return {std::ssize(tensors), bytes_of(tensors), options.encoder + " encoder", {}};
}

/// All tensors of the checkpoint as GROUP/NAME, and its texts as bytes under "meta".
ExportResult write_hdf5(const StoredWeights& weights, const ExportOptions& options) {
  auto tensors = weights.manifest().tensors;
  ExportResult result{std::ssize(tensors), 0, "everything in the checkpoint", {}};
  for (const auto& t : tensors) result.bytes += t.bytes();
  std::vector<std::string> texts;
  for (const auto& [name, text] : weights.manifest().meta.text) {
    if (text.empty()) continue;
    tensors.push_back({"meta", name, DType::u8, {std::ssize(text)}, {}});
    texts.push_back(text);
  }
  const auto stored = static_cast<std::size_t>(result.tensors);
  std::vector<std::byte> bytes;
  const auto bytes_at = [&](std::size_t i) -> std::span<const std::byte> {
    if (i >= stored) return std::as_bytes(std::span(texts[i - stored]));
    const auto& tensor = weights.manifest().tensors[i];
    bytes.resize(tensor.bytes());
    read_tensor(weights.folder(), weights.manifest(), tensor, bytes);
    return bytes;
  };
  const std::string unfinished = options.out + ".unfinished";
  std::error_code error;
  try {
    PartLayout(tensors, whole_tensors(tensors)).write(unfinished, bytes_at);
    fs::rename(unfinished, options.out);
  } catch (...) {
    fs::remove(unfinished, error);
    throw;
  }
  return result;
}

}  // namespace

ExportResult export_weights(const ExportOptions& options) {
  check(!fs::exists(fs::symlink_status(options.out)), "{} exists already; exports replace nothing.",
        options.out);
  const bool onnx = options.format == ExportFormat::onnx;
  check(onnx || !(options.include_normalization || options.external_data),
        "--include-normalization and --external-data are of --format onnx.");
  const StoredWeights weights(options.checkpoint);
  switch (options.format) {
    case ExportFormat::authors:
      return write_authors_archive(weights, options);
    case ExportFormat::hdf5:
      return write_hdf5(weights, options);
    case ExportFormat::onnx:
      return export_onnx(weights, options);
    default:
      return write_encoder_folder(weights, options);
  }
}

}  // namespace ijepa
