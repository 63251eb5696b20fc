// Everything that can be asked of a file of weights.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ijepa/train/weights/import.hpp"
#include "ijepa/train/weights/weight_file.hpp"
#include "src/train/weights/stored_positions.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace ijepa::fuzz {

inline void read_weights(const std::string& path) {
  accept_errors([&] {
    const auto file = open_weight_file(path);
    static_cast<void>(file->fingerprint());
    for (const auto& tensor : file->tensors())
      accept_errors([&] {
        std::vector<std::byte> bytes(tensor.bytes());
        file->read(tensor, bytes);
      });
    const auto recipe = recipe_of_weights(*file, {});
    static_cast<void>(positions_text(positions_in(*file, recipe), recipe));
    static_cast<void>(normalisation_text(*file, {}, recipe));
  });
}

}  // namespace ijepa::fuzz
