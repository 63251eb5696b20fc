// How the tensors of a checkpoint are shared out: every rank writes, and every rank reads, about as
// many bytes as any other. Pure functions of shapes, so no rank has to ask another.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ijepa/train/checkpoint/checkpoint_file.hpp"

namespace ijepa {

/// Elements [first, first + count) of a tensor in row-major order.
struct TensorRange {
  std::size_t tensor = 0;  // index in the list of tensors
  std::int64_t first = 0, count = 0;
  bool operator==(const TensorRange&) const = default;
};

/// Share `share` of `shares` of all elements, laid end to end in the order of the list: cut by
/// bytes, so that shares differ by less than one element. Every element is in exactly one share.
std::vector<TensorRange> share_of(const std::vector<StoredTensor>& tensors, int share, int shares);

/// Whole tensors, one range each.
std::vector<TensorRange> whole_tensors(const std::vector<StoredTensor>& tensors);

/// A piece of a stored tensor, by indices.
struct PieceIndex {
  std::size_t tensor = 0, piece = 0;
};

/// Which of `readers` reads which stored pieces: whole ones, since a checksum covers a whole piece.
/// Runs of pieces in the order of the list, cut by bytes.
std::vector<std::vector<PieceIndex>> pieces_by_reader(
    const std::vector<const StoredTensor*>& tensors, int readers);

}  // namespace ijepa
