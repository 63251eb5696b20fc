#include "ijepa/model/token_plan.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace ijepa {
namespace {

/// One context sequence: which image and context block, and the lengths that order it.
struct ContextSequence {
  std::int32_t image = 0;
  std::size_t context = 0;
  std::size_t length = 0, target_length = 0;
  std::size_t first_row = 0;  // in context_rows

  std::pair<std::size_t, std::size_t> key() const { return {length, target_length}; }
};

std::int32_t to_index(std::size_t i) {
  return static_cast<std::int32_t>(i);
}

void check_patches(const std::vector<std::int32_t>& patches, std::int64_t tokens,
                   std::size_t image) {
  check(!patches.empty(), "A mask of image {} of the micro-batch is empty.", image);
  for (const auto p : patches)
    check(p >= 0 && p < tokens,
          "A mask of image {} of the micro-batch has patch {}, outside 0..{}.", image, p,
          tokens - 1);
}

void check_images(std::span<const ImageMasks> images, std::int64_t tokens) {
  check(!images.empty() && tokens > 0, "A token plan needs images and tokens, not {} and {}.",
        images.size(), tokens);
  const std::size_t contexts = images[0].contexts.size(), targets = images[0].targets.size();
  check(contexts > 0 && targets > 0, "A token plan needs context and target masks, not {} and {}.",
        contexts, targets);
  for (std::size_t b = 0; b < images.size(); ++b) {
    const ImageMasks& masks = images[b];
    check(masks.contexts.size() == contexts && masks.targets.size() == targets,
          "Image {} of the micro-batch has {} context and {} target masks, image 0 has {} and {}.",
          b, masks.contexts.size(), masks.targets.size(), contexts, targets);
    for (const auto& mask : masks.contexts) check_patches(mask, tokens, b);
    for (const auto& mask : masks.targets) {
      check_patches(mask, tokens, b);
      check(
          mask.size() == masks.targets[0].size(),
          "Image {} of the micro-batch has target masks of {} and {} patches; they must be equal.",
          b, masks.targets[0].size(), mask.size());
    }
  }
}

/// Rows are int32 on every device.
void check_sizes(std::span<const ImageMasks> images, std::int64_t tokens) {
  std::size_t predictor_rows = 0;
  for (const auto& masks : images)
    for (const auto& context : masks.contexts)
      predictor_rows += masks.targets.size() * (context.size() + masks.targets[0].size());
  constexpr auto limit = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  check(images.size() <= limit / static_cast<std::size_t>(tokens) && predictor_rows <= limit,
        "A micro-batch of {} images of {} tokens has more than {} rows; use a smaller one.",
        images.size(), tokens, limit);
}

std::vector<ContextSequence> ordered_sequences(std::span<const ImageMasks> images) {
  std::vector<ContextSequence> sequences;
  for (std::size_t e = 0; e < images[0].contexts.size(); ++e)
    for (std::size_t b = 0; b < images.size(); ++b)
      sequences.push_back(
          {to_index(b), e, images[b].contexts[e].size(), images[b].targets[0].size()});
  std::stable_sort(sequences.begin(), sequences.end(),
                   [](const auto& a, const auto& b) { return a.key() < b.key(); });
  return sequences;
}

/// Adds a sequence, to the last group if it has the same lengths: fewer groups, fewer attention
/// calls.
void append_sequence(std::size_t length, std::size_t asking, std::vector<SequenceGroup>& groups) {
  const SequenceGroup one{1, static_cast<std::int64_t>(length), static_cast<std::int64_t>(asking)};
  if (!groups.empty() && groups.back().length == one.length && groups.back().asking == one.asking)
    ++groups.back().count;
  else
    groups.push_back(one);
}

void append_context(const std::vector<std::int32_t>& patches, ContextSequence& sequence,
                    TokenPlan& plan) {
  sequence.first_row = plan.context_rows.size();
  const auto base = static_cast<std::int32_t>(sequence.image * plan.tokens);
  for (const auto patch : patches) plan.context_rows.push_back(base + patch);
  plan.context_sequence_of_row.resize(plan.context_rows.size(),
                                      to_index(plan.context_image.size()));
  plan.context_image.push_back(sequence.image);
  append_sequence(patches.size(), 0, plan.context_groups);
}

/// A sequence of a context and the mask tokens of `targets`.
void append_prediction(const ContextSequence& sequence,
                       std::span<const std::vector<std::int32_t>> targets, TokenPlan& plan) {
  const std::size_t begin = plan.predictor_rows.size(), first_mask = plan.mask_rows.size();
  for (std::size_t row = sequence.first_row; row < sequence.first_row + sequence.length; ++row)
    plan.predictor_rows.push_back(to_index(row));
  const auto base = static_cast<std::int32_t>(sequence.image * plan.tokens);
  for (const auto& target : targets) {
    for (const auto patch : target) {
      plan.mask_rows.push_back(to_index(plan.predictor_rows.size()));
      plan.target_rows.push_back(base + patch);
      plan.predictor_rows.push_back(-1 - patch);
    }
  }
  const auto number = to_index(plan.predictor_image.size());
  plan.predictor_sequence_of_row.resize(plan.predictor_rows.size(), number);
  plan.mask_sequence_of_row.resize(plan.mask_rows.size(), number);
  plan.predictor_image.push_back(sequence.image);
  const std::size_t length = plan.predictor_rows.size() - begin;
  append_sequence(length, 0, plan.predictor_groups);
  append_sequence(length, plan.mask_rows.size() - first_mask, plan.mask_groups);
}

/// The different rows among the predictor's, which of them each is, and the other way round.
void find_sources(TokenPlan& plan) {
  const auto contexts = plan.context_rows.size();
  std::vector<std::int32_t> number(static_cast<std::size_t>(plan.tokens), -1);  // of a position
  for (const auto row : plan.predictor_rows)
    if (row < 0) number[static_cast<std::size_t>(-1 - row)] = 0;
  plan.different_rows.resize(contexts);
  std::iota(plan.different_rows.begin(), plan.different_rows.end(), 0);
  for (std::size_t patch = 0; patch < number.size(); ++patch)
    if (number[patch] == 0) {
      number[patch] = to_index(plan.different_rows.size());
      plan.different_rows.push_back(-1 - to_index(patch));
    }
  plan.source_begin.assign(plan.different_rows.size() + 1, 0);
  for (const auto row : plan.predictor_rows) {
    plan.source.push_back(row >= 0 ? row : number[static_cast<std::size_t>(-1 - row)]);
    ++plan.source_begin[static_cast<std::size_t>(plan.source.back()) + 1];
  }
  std::partial_sum(plan.source_begin.begin(), plan.source_begin.end(), plan.source_begin.begin());
  auto next = plan.source_begin;
  plan.source_uses.resize(plan.source.size());
  for (std::size_t i = 0; i < plan.source.size(); ++i)
    plan.source_uses[static_cast<std::size_t>(next[static_cast<std::size_t>(plan.source[i])]++)] =
        to_index(i);
}

/// The different rows among the targets, and which of them each is.
void find_wanted(TokenPlan& plan) {
  plan.wanted_rows = plan.target_rows;
  auto& wanted = plan.wanted_rows;
  std::ranges::sort(wanted);
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  for (const auto row : plan.target_rows)
    plan.target_numbers.push_back(to_index(static_cast<std::size_t>(
        std::ranges::lower_bound(plan.wanted_rows, row) - plan.wanted_rows.begin())));
}

}  // namespace

TokenPlan make_token_plan(std::span<const ImageMasks> images, std::int64_t tokens,
                          PredictorSequences kind) {
  check_images(images, tokens);
  check_sizes(images, tokens);
  TokenPlan plan;
  plan.images = static_cast<std::int64_t>(images.size());
  plan.tokens = tokens;
  plan.contexts = static_cast<std::int64_t>(images[0].contexts.size());
  plan.targets = static_cast<std::int64_t>(images[0].targets.size());

  auto sequences = ordered_sequences(images);
  for (auto& s : sequences)
    append_context(images[static_cast<std::size_t>(s.image)].contexts[s.context], s, plan);

  const bool joint = kind == PredictorSequences::joint;
  const auto targets = static_cast<std::size_t>(plan.targets), uses = joint ? 1 : targets;
  for (auto first = sequences.begin(); first != sequences.end();) {
    const auto last = std::find_if(first, sequences.end(),
                                   [&](const auto& s) { return s.key() != first->key(); });
    for (std::size_t j = 0; j < uses; ++j)
      for (auto s = first; s != last; ++s)
        append_prediction(*s,
                          std::span(images[static_cast<std::size_t>(s->image)].targets)
                              .subspan(j, targets / uses),
                          plan);
    first = last;
  }
  find_sources(plan);
  find_wanted(plan);
  return plan;
}

std::vector<ImageMasks> masks_from_lists(std::span<const std::int32_t> contexts,
                                         std::int64_t num_contexts,
                                         std::span<const std::int32_t> targets,
                                         std::int64_t num_targets, std::int64_t images) {
  check(images > 0 && num_contexts > 0 && num_targets > 0,
        "Mask lists need images, contexts and targets, not {}, {} and {}.", images, num_contexts,
        num_targets);
  const auto split = [images](std::span<const std::int32_t> list, std::int64_t blocks,
                              const char* name, std::size_t b) {
    const auto count = static_cast<std::size_t>(blocks * images);
    check(list.size() % count == 0,
          "The {} {} mask indices do not divide into {} masks of {} images.", list.size(), name,
          blocks, images);
    const std::size_t length = list.size() / count;
    std::vector<std::vector<std::int32_t>> masks;
    for (std::size_t i = 0; i < static_cast<std::size_t>(blocks); ++i) {
      const auto mask = list.subspan((i * static_cast<std::size_t>(images) + b) * length, length);
      masks.emplace_back(mask.begin(), mask.end());
    }
    return masks;
  };
  std::vector<ImageMasks> result(static_cast<std::size_t>(images));
  for (std::size_t b = 0; b < result.size(); ++b) {
    result[b].contexts = split(contexts, num_contexts, "context", b);
    result[b].targets = split(targets, num_targets, "target", b);
  }
  return result;
}

TokenPlan uniform_token_plan(const MaskConfig& config, const MaskLengths& lengths,
                             std::int64_t images, std::int64_t tokens,
                             PredictorSequences sequences) {
  check(lengths.context <= tokens && lengths.target <= tokens,
        "Masks of {} and {} patches do not fit {} tokens.", lengths.context, lengths.target,
        tokens);
  // Masks go round the image one after the other.
  std::int64_t next = 0;
  const auto mask = [&](std::int64_t length) {
    std::vector<std::int32_t> patches;
    for (std::int64_t i = 0; i < length; ++i)
      patches.push_back(static_cast<std::int32_t>(next++ % tokens));
    std::sort(patches.begin(), patches.end());
    return patches;
  };
  std::vector<ImageMasks> all(static_cast<std::size_t>(images));
  for (ImageMasks& image : all) {
    for (std::int64_t k = 0; k < config.num_targets; ++k)
      image.targets.push_back(mask(lengths.target));
    const std::int64_t after_targets = next;
    for (std::int64_t e = 0; e < config.num_contexts; ++e)
      image.contexts.push_back(mask(lengths.context));
    next = after_targets;
  }
  return make_token_plan(all, tokens, sequences);
}

}  // namespace ijepa
