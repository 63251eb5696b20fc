// ShardSet: all shards of a folder as one list of images, in the order of the shards' names.
// Read-only and safe from any thread; tables stay memory-mapped, so that 14 million images cost no
// memory a rank, and images are read by parallel pread.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ijepa/data/dataset.hpp"
#include "ijepa/data/shards/shard_file.hpp"

namespace ijepa {

/// Whether a folder has files named as ijepa-shards names shards, "shard_*.h5". One that may not be
/// read has none.
bool holds_shards(const std::string& folder);

class ShardSet final : public Dataset {
 public:
  /// Opens the shards of a folder, which must be the complete set, or a single shard file.
  /// Error: nothing there, shards missing, shards of two sets mixed, a damaged or cut shard.
  static ShardSet open(const std::string& directory_or_file);
  ~ShardSet() override;
  ShardSet(ShardSet&&) noexcept;
  ShardSet& operator=(ShardSet&&) noexcept;

  std::int64_t size() const override { return begins_.back(); }  // images over all shards
  int num_shards() const { return static_cast<int>(shards_.size()); }
  /// Index of the first image of `shard`; shard_begin(num_shards()) == size().
  std::int64_t shard_begin(int shard) const { return begins_.at(static_cast<std::size_t>(shard)); }
  const std::string& shard_path(int shard) const { return file(shard).path(); }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  /// Hash over all metadata and, through the image checksums in it, all images, keys and labels:
  /// equal on all ranks, and equal when a run is resumed on the same data.
  std::uint64_t fingerprint() const override { return fingerprint_; }
  bool is_shuffled() const override { return true; }  // by ijepa-shards

  int label(std::int64_t image) const override;
  std::string key(std::int64_t image) const override;    // "class/name.jpg"
  std::string where(std::int64_t image) const override;  // "image 3 (KEY) of SHARD"

  struct Extent {
    int shard = 0;
    std::int64_t offset = 0;  // in the shard's file
    std::int64_t bytes = 0;
  };
  /// Error if the table entry is damaged (points outside the file).
  Extent extent(std::int64_t image) const;

  /// The bytes of a picture, which are those that were packed, or an Error.
  void read(std::int64_t image, std::vector<std::uint8_t>& encoded) const override;

  /// Whatever bytes lie there now.
  void read_unchecked(std::int64_t image, std::vector<std::uint8_t>& encoded) const;
  /// Whether bytes, key and label of the image are those that were packed (image_checksum()).
  bool checksum_matches(std::int64_t image, std::span<const std::uint8_t> encoded) const;

  const ShardFile& file(int shard) const { return shards_.at(static_cast<std::size_t>(shard)); }

 private:
  class Descriptors;
  struct Place {
    const ShardFile* file;
    int shard;
    std::int64_t row;
  };

  explicit ShardSet(std::vector<ShardFile> shards);
  Place place_of(std::int64_t image) const;

  std::vector<ShardFile> shards_;
  std::vector<std::int64_t> begins_;
  std::vector<std::string> class_names_;
  std::uint64_t fingerprint_ = 0;
  std::unique_ptr<Descriptors> descriptors_;
};

}  // namespace ijepa
