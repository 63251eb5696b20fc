#include "ijepa/tasks/prediction/decoder_network.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "ijepa/device/host_values.hpp"
#include "ijepa/device/null_ops.hpp"
#include "ijepa/model/device_plan.hpp"
#include "ijepa/tasks/prediction/block_conditions.hpp"

namespace ijepa {
namespace {

constexpr std::array statistic_names{"condition_mean",    "condition_deviation", "encoded_mean",
                                     "encoded_deviation", "crop_mean",           "crop_variance"};

std::vector<double>& values_of(DecoderStatistics& s, std::size_t i) {
  const std::array all{&s.mean,      &s.deviation,    &s.encoded_mean, &s.encoded_deviation,
                       &s.crop_mean, &s.crop_variance};
  return *all.at(i);
}

std::int64_t length_of(const BlockDecoderConfig& c, std::size_t i) {
  return i < 4 ? c.condition : c.crop_size();
}

Matrix<float> standardised_by(MatrixView<const float> s, const std::vector<double>& mean,
                              const std::vector<double>& deviation) {
  Matrix<float> out(s.rows, s.cols);
  for (std::int64_t i = 0; i < s.rows; ++i)
    for (std::size_t c = 0; c < mean.size(); ++c)
      out.row(i)[c] =
          static_cast<float>((static_cast<double>(s.row(i)[c]) - mean[c]) / deviation[c]);
  return out;
}

}  // namespace

Size DecoderShape::padded() const {
  return {static_cast<int>((grid.rows + 2) * model.patch),
          static_cast<int>((grid.cols + 2) * model.patch)};
}

std::array<std::uint8_t, 3> mean_colour(const Normalisation& normalisation) {
  std::array<std::uint8_t, 3> colour{};
  for (std::size_t c = 0; c < 3; ++c)
    colour[c] =
        static_cast<std::uint8_t>(std::lround(std::clamp(255 * normalisation.mean[c], 0.0, 255.0)));
  return colour;
}

std::vector<std::uint8_t> with_margin(std::span<const std::uint8_t> rgb,
                                      const DecoderShape& shape) {
  const auto patch = static_cast<std::size_t>(shape.model.patch);
  const auto height = static_cast<std::size_t>(shape.grid.rows) * patch;
  const auto row = static_cast<std::size_t>(shape.grid.cols) * patch * 3;
  const auto images = rgb.size() / (height * row), out_row = row + 6 * patch;
  std::vector<std::uint8_t> out(images * (height + 2 * patch) * out_row);
  const auto colour = mean_colour(shape.normalisation);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = colour[i % 3];
  for (std::size_t i = 0; i < images; ++i)
    for (std::size_t y = 0; y < height; ++y)
      std::memcpy(out.data() + (i * (height + 2 * patch) + y + patch) * out_row + 3 * patch,
                  rgb.data() + (i * height + y) * row, row);
  return out;
}

Matrix<float> DecoderStatistics::standardised(MatrixView<const float> s) const {
  return standardised_by(s, mean, deviation);
}

Matrix<float> DecoderStatistics::standardised_encoded(MatrixView<const float> s) const {
  return standardised_by(s, encoded_mean, encoded_deviation);
}

DecoderNetwork::DecoderNetwork(Device& device, const DecoderShape& shape, StoreUse use)
    : device_(device),
      shape_(shape),
      use_(use),
      decoder_(layout_, shape.model),
      store_(device, layout_, Precision::float32(), use),
      average_(device, layout_, Precision::float32(), StoreUse::inference),
      statistics_memory_(device, static_cast<std::size_t>(4 * shape.model.condition +
                                                          2 * shape.model.crop_size()) *
                                     sizeof(float)),
      loss_(device, sizeof(float)) {}

void DecoderNetwork::initialise(std::uint64_t seed) {
  store_.initialise(seed);
  average_.initialise(seed);
}

Tensor DecoderNetwork::statistic(std::size_t i) const {
  std::int64_t begin = 0;
  for (std::size_t k = 0; k < i; ++k) begin += length_of(shape_.model, k);
  return make_tensor(static_cast<float*>(statistics_memory_.data()) + begin, DType::f32,
                     {length_of(shape_.model, i)});
}

void DecoderNetwork::store_statistics() {
  for (std::size_t i = 0; i < statistic_names.size(); ++i)
    upload_values(device_.ops(), values_of(statistics_, i), statistic(i));
  load_statistics();  // as they are kept, so that going on changes nothing
}

void DecoderNetwork::load_statistics() {
  for (std::size_t i = 0; i < statistic_names.size(); ++i)
    values_of(statistics_, i) = download_values(device_.ops(), statistic(i));
}

std::vector<NamedTensor> DecoderNetwork::tensors() const {
  std::vector<NamedTensor> all;
  if (use_ == StoreUse::training)
    all = device_tensors(store_, {Role::weight, Role::adam_m, Role::adam_v});
  for (NamedTensor t : device_tensors(average_, {Role::weight})) {
    t.group = "average_" + t.group;
    all.push_back(t);
  }
  for (std::size_t i = 0; i < statistic_names.size(); ++i) {
    const Tensor t = statistic(i);
    all.push_back({"statistics", statistic_names[i], {t.numel()}, t.dtype, t.data});
  }
  return all;
}

Tensor DecoderNetwork::upload_pixels(std::span<const std::uint8_t> padded) {
  const Size size = shape_.padded();
  const auto each = static_cast<std::int64_t>(size.height) * size.width * 3;
  const auto count = std::ssize(padded) / each;
  reserve(count);
  const Tensor pixels = make_tensor(pixels_.data(), DType::u8, {count, size.height, size.width, 3});
  device_.ops().upload(padded.data(), pixels);
  return pixels;
}

// A block at (top, left) has its ring from (top, left) on in the picture with a margin.
Tensor DecoderNetwork::gather(Pass& p, Tensor pixels,
                              std::span<const std::int32_t> position) const {
  const Grid crop = shape_.model.crop;
  const PatchGrid padded{shape_.grid.rows + 2, shape_.grid.cols + 2, shape_.model.patch};
  const auto places = block_positions(shape_.grid, shape_.block()).cols;
  std::vector<std::int32_t> rows;
  for (std::size_t i = 0; i < position.size(); ++i) {
    const auto top = position[i] / places, left = position[i] % places;
    for (std::int64_t y = 0; y < crop.rows; ++y)
      for (std::int64_t x = 0; x < crop.cols; ++x)
        rows.push_back(static_cast<std::int32_t>(
            (static_cast<std::int64_t>(i) * padded.rows + top + y) * padded.cols + left + x));
  }
  const Tensor y = p.arena.keep(DType::f32, {std::ssize(rows), shape_.model.patch_size()});
  p.ops.gather_patches(pixels, padded, shape_.normalisation, upload_indices(p, rows), y);
  return y;
}

Tensor DecoderNetwork::upload_condition(Pass& p, MatrixView<const float> condition,
                                        std::span<const std::uint8_t> told) const {
  const auto features = static_cast<std::size_t>(shape_.model.condition);
  std::vector<float> values(told.size() * (features + 1));
  for (std::size_t i = 0; i < told.size(); ++i) {
    float* row = values.data() + i * (features + 1);
    if (told[i] != 0)
      std::ranges::copy(condition.row(static_cast<std::int64_t>(i)), row);
    else
      row[features] = 1;
  }
  const Tensor t =
      p.arena.keep(DType::f32, {std::ssize(told), static_cast<std::int64_t>(features + 1)});
  p.ops.upload(values.data(), t);
  return t;
}

Tensor DecoderNetwork::upload_times(Pass& p, std::span<const double> times) const {
  std::vector<double> values;
  for (const double t : times) {
    const auto features = features_of_time(t);
    values.insert(values.end(), features.begin(), features.end());
  }
  const Tensor t = p.arena.keep(DType::f32, {std::ssize(times), time_features});
  upload_values(p.ops, values, t);
  return t;
}

std::size_t DecoderNetwork::measure(std::int64_t crops) const {
  NullOps nothing;
  auto arena = Arena::measuring();
  Pass p{nothing, arena, store_.precision(), {}, nullptr, Write::overwrite};
  const auto count = static_cast<std::size_t>(crops);
  const Size size = shape_.padded();
  const std::vector<std::int32_t> position(count);
  const std::vector<double> times(count);
  const Matrix<float> condition(crops, shape_.model.condition);
  const Tensor clean =
      gather(p, make_tensor(nullptr, DType::u8, {crops, size.height, size.width, 3}), position);
  const Tensor noise = arena.keep(DType::f32, {clean.rows(), clean.cols()});
  const FlowBatch batch{clean, noise, upload_times(p, times),
                        upload_condition(p, condition.view(), std::vector<std::uint8_t>(count)),
                        times};
  if (use_ == StoreUse::training) {
    flow_step(p, decoder_, batch, 1, make_tensor(nullptr, DType::f32, {1}), {});
  } else {
    BlockDecoder::Saved saved;
    decoder_.forward(p, noise, batch.time, batch.condition, saved);
  }
  return arena.peak();
}

void DecoderNetwork::reserve(std::int64_t crops) {
  if (crops <= reserved_) return;
  const Size size = shape_.padded();
  arena_ = Buffer(device_, measure(crops));
  pixels_ = Buffer(device_, static_cast<std::size_t>(crops) * 3 *
                                static_cast<std::size_t>(size.height * size.width));
  reserved_ = crops;
}

double DecoderNetwork::learn(const Examples& examples, double scale, const ReadyCallback& ready) {
  const Tensor pixels = upload_pixels(examples.padded);
  Arena arena(arena_.data(), arena_.bytes());
  Pass p{device_.ops(),      arena,           store_.precision(), store_.online(),
         store_.gradients(), Write::overwrite};
  std::vector<double> times;
  std::vector<std::uint8_t> told;
  for (const FlowDraw& draw : examples.draws) {
    times.push_back(draw.time);
    told.push_back(draw.untold ? 0 : 1);
  }
  const Tensor clean = gather(p, pixels, examples.position);
  const Tensor noise = arena.keep(DType::f32, {clean.rows(), clean.cols()});
  p.ops.upload(examples.noise.data(), noise);
  const FlowBatch batch{clean, noise, upload_times(p, times),
                        upload_condition(p, examples.condition, told), times};
  const Tensor loss = make_tensor(loss_.data(), DType::f32, {1});
  p.ops.fill_zero(loss);
  flow_step(p, decoder_, batch, scale, loss, ready);
  return download_values(p.ops, loss)[0];
}

void DecoderNetwork::update(const AdamWStep& step) {
  const ParamRange all{0, layout_.size()};
  OptimizerRange range = store_.optimizer_range(all);
  range.target = average_.flat(Role::weight, all);
  device_.ops().adamw_ema(range, step);
}

std::vector<float> DecoderNetwork::guess(const std::vector<float>& z, double t,
                                         MatrixView<const float> condition,
                                         std::span<const std::uint8_t> told) {
  reserve(std::ssize(told));
  Arena arena(arena_.data(), arena_.bytes());
  Pass p{device_.ops(), arena, average_.precision(), average_.online()};
  const std::vector<double> times(told.size(), t);
  const Tensor in =
      arena.keep(DType::f32, {std::ssize(told) * shape_.model.tokens(), shape_.model.patch_size()});
  check(in.numel() == std::ssize(z), "A guess of {} crops was asked for {} numbers.", told.size(),
        z.size());
  p.ops.upload(z.data(), in);
  BlockDecoder::Saved saved;
  const Tensor out =
      decoder_.forward(p, in, upload_times(p, times), upload_condition(p, condition, told), saved);
  std::vector<float> result(z.size());
  p.ops.download(out, result.data());
  p.ops.synchronize();
  return result;
}

std::vector<float> DecoderNetwork::crops(std::span<const std::uint8_t> padded,
                                         std::span<const std::int32_t> position) {
  const Tensor pixels = upload_pixels(padded);
  Arena arena(arena_.data(), arena_.bytes());
  Pass p{device_.ops(), arena, average_.precision(), average_.online()};
  const Tensor y = gather(p, pixels, position);
  std::vector<float> result(static_cast<std::size_t>(y.numel()));
  p.ops.download(y, result.data());
  p.ops.synchronize();
  return result;
}

}  // namespace ijepa
