// What ijepa-inspect says about a shard set or a checkpoint, and the checks it makes.
#pragma once
#include <cstdint>
#include <string>

#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"

namespace ijepa::tools {

/// Shards, images, classes, a histogram of image sizes, bytes, fingerprint: several lines.
std::string describe_set(const ShardSet& set, const std::string& path);

/// One line an image: index, bytes, label, class, key.
std::string describe_image(const ShardSet& set, std::int64_t image);

struct Damage {
  std::int64_t images = 0;  // whose bytes, key or label are not those that were packed
  std::string report;       // a line for each of the first ones
};

/// Reads every image of every shard on `threads` threads and compares checksums.
Damage verify_set(const ShardSet& set, int threads);

/// A PNG of at most `columns` x `rows` images spread evenly over the set, each above its class and
/// fitted into a square of `side` pixels. An image that cannot be decoded is a red square.
void write_contact_sheet(const ShardSet& set, int columns, int rows, int side,
                         const std::string& path);

/// Step, parts, tensors and bytes by group, then the texts stored with it, such as the
/// configuration.
std::string describe_checkpoint(const CheckpointManifest& manifest, const std::string& folder);

/// One line a tensor: group, name, type, shape, checksum (of each piece).
std::string tensor_lines(const CheckpointManifest& manifest);

/// A run's checkpoints as a table, newest first: step, bytes, parts, state, and why it is kept.
struct RunCheckpoints {
  std::string text;
  int damaged = 0;
};
/// Without `verify` a checkpoint is sound when its manifest is and all parts have their size; with
/// it, when every byte is as written.
RunCheckpoints describe_run(const std::string& run_dir, bool verify);

}  // namespace ijepa::tools
