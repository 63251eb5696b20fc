#include "ijepa/tasks/segmentation/pairs.hpp"

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/orientation.hpp"
#include "ijepa/data/resize.hpp"

namespace ijepa {
namespace {

std::vector<std::uint8_t> read_file(const std::string& path) {
  const File file(path, File::Mode::read);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(file.size()));
  file.read(0, bytes.data(), bytes.size());
  return bytes;
}

template <class Read>
auto read_named(const std::string& path, const char* what, const Read& read) {
  try {
    return read(read_file(path));
  } catch (const Error& e) {
    fail("The {} {} cannot be read: {}", what, path, e.what());
  }
}

}  // namespace

LabelledImage PairReader::read(const ImagePair& pair, UnknownValues* unknown,
                               std::int64_t number) const {
  int image_turn = 1, mask_turn = 1;
  const auto turn_of = [&](const auto& bytes) { return exif_ ? exif_orientation(bytes) : 1; };
  LabelledImage out;
  out.image = read_named(pair.image, "image", [&](const auto& bytes) {
    image_turn = turn_of(bytes);
    return upright(decode_image(bytes), image_turn);
  });
  out.labels = read_named(pair.mask, "mask", [&](const auto& bytes) {
    mask_turn = turn_of(bytes);
    return upright(masks_.read(bytes, unknown, number), mask_turn);
  });
  out.turned = image_turn != 1;
  const auto exif_hint =
      lies_on_side(image_turn) || lies_on_side(mask_turn)
          ? fmt::format(
                " (EXIF orientation {} of the image and {} of the mask are applied; if the "
                "masks were drawn on the pictures as stored, say --ignore-exif)",
                image_turn, mask_turn)
          : "";
  check(out.image.height == out.labels.height && out.image.width == out.labels.width,
        "The image {} has {} x {} pixels, but its mask {} has {} x {}{}.", pair.image,
        out.image.width, out.image.height, pair.mask, out.labels.width, out.labels.height,
        exif_hint);
  return out;
}

LabelledImage resized(const LabelledImage& pair, Size size) {
  LabelledImage out{{size.height, size.width, {}}, resize_labels(pair.labels, size), pair.turned};
  out.image.rgb.resize(out.labels.index.size() * 3);
  Resizer().resize(pair.image.view(), size, out.image.rgb.data());
  return out;
}

}  // namespace ijepa
