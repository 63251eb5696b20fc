// A checkpoint's manifest: as it is, and with the checksum that it should have; beside one part
// file of 256 bytes.
#include <nlohmann/json.hpp>

#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"
#include "tests/fuzz/checksum.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace {

using namespace ijepa;

void read_all(const std::string& folder) {
  const auto manifest = read_manifest(folder);
  fuzz::accept_errors([&] { verify_parts(folder, manifest); });
  fuzz::accept_errors([&] { positions_of_checkpoint(manifest.meta, folder); });
  for (const auto& tensor : manifest.tensors)
    fuzz::accept_errors([&] {
      check_part_sizes(folder, manifest);
      std::vector<std::byte> out(tensor.bytes());
      read_tensor(folder, manifest, tensor, out);
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::write_input("part_00000.h5", std::string(256, 'p'));
  for (const auto& text : {std::string(fuzz::text_of({data, size})),
                           fuzz::with_checksum(fuzz::text_of({data, size}))}) {
    fuzz::write_input("manifest.json", text);
    fuzz::accept_errors([] { read_all(fuzz::folder()); });
  }
  return 0;
}
