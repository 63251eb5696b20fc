// Block samples: a decoder's crops from noise, by Heun's method and with guidance.
#pragma once
#include "ijepa/tasks/prediction/decoder_network.hpp"

namespace ijepa {

/// condition (S, C) standardised, told (S): whose s counts, noise (S T, 3 p p) -> normalised crops
/// (S T, 3 p p).
std::vector<float> sample_blocks(DecoderNetwork& network, MatrixView<const float> condition,
                                 std::span<const std::uint8_t> told, std::vector<float> noise,
                                 const HeunSettings& heun);

/// The noise of samples 0, 1, ..., one after the other, `times` times over.
std::vector<float> shared_noise(const DecoderShape& shape, std::uint64_t seed, std::int64_t samples,
                                std::int64_t times);

}  // namespace ijepa
