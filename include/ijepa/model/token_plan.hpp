// TokenPlan: the masks of one micro-batch as index lists for packed rows and groups of equal
// length. Everything the step gathers, scatters and attends over follows from it, so no tensor is
// padded.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/device/ops.hpp"
#include "ijepa/model/masks.hpp"

namespace ijepa {

/// What the predictor sees in one sequence: a context with the mask tokens of one target block, as
/// the paper has it, or with those of all target blocks of the image.
enum class PredictorSequences : std::uint8_t { one_a_block, joint };

inline PredictorSequences sequences_of(const PredictorConfig& predictor) {
  return predictor.joint ? PredictorSequences::joint : PredictorSequences::one_a_block;
}

/// B images of N tokens; row of a token of a full image = image * N + patch. Sequences are ordered
/// by context length, then target length (both ascending), inside that as in the paper's release:
/// context sequences by (context e, image b), predictor sequences by (target k, e, b). So a
/// micro-batch out of one truncation group has exactly the reference's order. J: predictor
/// sequences of a context, K, or 1 where they are joint, in the order of their contexts.
struct TokenPlan {
  std::int64_t images = 0, tokens = 0;     // B, N
  std::int64_t contexts = 0, targets = 0;  // E, K
  bool pixels_only = false;                // nothing but the targets' pixels is predicted

  // Context encoder: Tc rows in B E sequences.
  std::vector<std::int32_t> context_rows;             // (Tc) image * N + patch
  std::vector<SequenceGroup> context_groups;          // runs of equal length
  std::vector<std::int32_t> context_image;            // (B E) image of each sequence
  std::vector<std::int32_t> context_sequence_of_row;  // (Tc)

  // Predictor: Tp rows in B E J sequences, each [context tokens ; mask tokens].
  std::vector<std::int32_t> predictor_rows;  // (Tp) >= 0: context row; < 0: -1 - patch: mask token
  std::vector<SequenceGroup> predictor_groups;
  std::vector<std::int32_t> predictor_image;            // (B E J) image of each sequence
  std::vector<std::int32_t> predictor_sequence_of_row;  // (Tp)
  // What comes in is equal for all sequences of a context, and for mask tokens at one position: U
  // different rows, those of the contexts, then those of the positions in use, ascending.
  std::vector<std::int32_t> different_rows;  // (U) as predictor_rows
  std::vector<std::int32_t> source;          // (Tp) which of them each predictor row is
  std::vector<std::int32_t> source_uses;     // (Tp) predictor rows of the first, the second, ...
  std::vector<std::int32_t> source_begin;    // (U + 1) where in that list those of each begin

  // Outputs and targets: Tt rows, in the order of the predictor's rows.
  std::vector<std::int32_t> mask_rows;             // (Tt) predictor rows that are mask tokens
  std::vector<std::int32_t> mask_sequence_of_row;  // (Tt) sequence of each of them
  std::vector<SequenceGroup> mask_groups;          // predictor sequences; their mask tokens ask
  std::vector<std::int32_t> target_rows;     // (Tt) image * N + patch that each of them predicts
  std::vector<std::int32_t> wanted_rows;     // (W) the different ones of them, ascending
  std::vector<std::int32_t> target_numbers;  // (Tt) which of those each target row is
};

/// The plan of the images' masks (already cut to their truncation groups' lengths, if any). Every
/// image needs the same number of contexts and of targets, and its targets one length; an Error
/// otherwise, or for a patch outside [0, tokens).
TokenPlan make_token_plan(std::span<const ImageMasks> images, std::int64_t tokens,
                          PredictorSequences sequences = PredictorSequences::one_a_block);

/// Masks from index lists: contexts (E, B, Nc) and targets (K, B, Mt), row-major.
std::vector<ImageMasks> masks_from_lists(std::span<const std::int32_t> contexts,
                                         std::int64_t num_contexts,
                                         std::span<const std::int32_t> targets,
                                         std::int64_t num_targets, std::int64_t images);

/// A plan with the shapes of `images` images whose masks all have `lengths`, for measuring a step:
/// the targets of an image, and of all images, are as different as they can be.
TokenPlan uniform_token_plan(const MaskConfig& config, const MaskLengths& lengths,
                             std::int64_t images, std::int64_t tokens,
                             PredictorSequences sequences = PredictorSequences::one_a_block);

}  // namespace ijepa
