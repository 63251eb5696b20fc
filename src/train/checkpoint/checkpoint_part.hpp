// One part file of a checkpoint: an HDF5 file with a contiguous dataset GROUP/NAME for each piece.
// Where everything lies follows from shapes alone, so HDF5 is asked once and every save only
// writes.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint_share.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"

namespace ijepa {

/// The bytes of the i-th range of a part, valid until the next call.
using RangeBytes = std::function<std::span<const std::byte>(std::size_t i)>;

/// What the manifest says about a part that was written.
struct WrittenPart {
  struct Piece {
    std::uint64_t file_offset = 0, xxh3 = 0;
  };
  std::uint64_t bytes = 0, xxh3 = 0;  // of the file
  std::vector<Piece> pieces;          // by range
};

/// "part_00003.h5".
std::string part_name(std::size_t part);

class PartLayout {
 public:
  /// For these ranges of `tensors`, at most one of a tensor. An Error when names or shapes cannot
  /// be stored, or when the system's limit on file sizes is below the part's.
  PartLayout(const std::vector<StoredTensor>& tensors, std::vector<TensorRange> ranges);

  const std::vector<TensorRange>& ranges() const { return ranges_; }
  /// Writes a new file in one pass, on disk when it returns. Uses no HDF5. Ranges are asked for in
  /// the order of the file, which need not be theirs.
  WrittenPart write(const std::string& path, const RangeBytes& bytes_of) const;

 private:
  struct Segment {
    std::int64_t offset = 0;
    std::ptrdiff_t range = -1;         // -1: structure
    std::vector<std::byte> structure;  // what HDF5 keeps between the numbers
    std::size_t bytes = 0;
  };

  std::vector<TensorRange> ranges_;
  std::vector<std::string> names_;  // for messages, by range
  std::vector<Segment> segments_;   // in the order of the file, without gaps
};

/// Enters what was written as part `part` into the manifest. Parts come in the order of their
/// ranges, so that pieces of a tensor follow each other.
void add_part(CheckpointManifest& manifest, const std::vector<TensorRange>& ranges,
              const WrittenPart& written);

}  // namespace ijepa
