// A part of a feature file, whose datasets and attributes are what the input says; or, where that
// begins as JSON does, the manifest beside a sound part.
#include "hdf5_input.hpp"
#include "ijepa/tasks/features/feature_file.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace {

using namespace ijepa;

void write_part(const std::string& path, fuzz::Bytes bytes) {
  fuzz::Hdf5Input file(path, bytes, 0);
  const auto n = file.count();
  const hid_t key = fuzz::Hdf5Input::text_type(5);
  file.attribute("format_version", H5T_STD_I64LE, 2);
  file.attribute("first", H5T_STD_I64LE, 0);
  file.text("encoder", "e");
  file.text("images", "i");
  file.text("xxh3", "0123456789abcdef");
  file.dataset("labels", H5T_STD_I32LE, {n});
  file.dataset("keys", key, {n});
  file.dataset("features", H5T_IEEE_F32LE, {n, 4});
  file.dataset("tokens", H5T_IEEE_F32LE, {n, 3, 4});
  H5Tclose(key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Bytes bytes(data, size);
  static const std::string sound = [] {
    const std::string path = fuzz::folder() + "/part_00001.h5";
    FeatureRows rows{0, {"a/1", "b/2"}, {0, 1}, {2, 4}, {6, 4}};
    write_feature_part(path, {"e", "i"}, rows);
    return path;
  }();
  if (size > 0 && data[0] == '{') {
    fuzz::write_input("features.json", bytes);
    fuzz::accept_errors(
        [] { read_pooled_features(fuzz::folder(), read_feature_manifest(fuzz::folder())); });
    return 0;
  }
  const std::string part = fuzz::folder() + "/part_00000.h5";
  write_part(part, bytes);
  fuzz::accept_errors([&] { images_in_part(part, {"e", "i"}); });
  fuzz::accept_errors([&] { read_feature_part(part); });
  return 0;
}
