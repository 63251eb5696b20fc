// seeds FOLDER: writes the corpora that the fuzz targets begin with, FOLDER/TARGET/NAME or, where a
// target reads several formats, FOLDER/TARGET.FORMAT/NAME. All of them are made here, by our own
// writers and those of the formats' libraries.
#include <archive.h>
#include <archive_entry.h>

#include <cstdio>
#include <cstring>

#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "src/comm/roll_call.hpp"
#include "src/train/run/lock_record.hpp"
#include "src/train/weights/pickle_writer.hpp"
#include "src/train/weights/torch_archive.hpp"
#include "tests/fuzz/fuzz_input.hpp"
#include "tests/fuzz/tiny_weights.hpp"
#include "tests/support/exif.hpp"
#include "tests/support/other_pictures.hpp"
#include "tests/train/weights/pickles.hpp"

namespace {

namespace fs = std::filesystem;
using namespace ijepa;
using test::Bytes;

class Seeds {
 public:
  explicit Seeds(fs::path folder) : folder_(std::move(folder)) {}

  /// Of a seed that is not there any more.
  fs::path at(const std::string& corpus, const std::string& name) const {
    fs::create_directories(folder_ / corpus);
    if (!name.empty()) fs::remove(folder_ / corpus / name);
    return folder_ / corpus / name;
  }
  void add(const std::string& corpus, const std::string& name, const std::string& bytes) const {
    File(at(corpus, name).string(), File::Mode::create).write(0, bytes.data(), bytes.size());
  }
  void add(const std::string& corpus, const std::string& name, const Bytes& bytes) const {
    add(corpus, name, std::string(bytes.begin(), bytes.end()));
  }

 private:
  fs::path folder_;
};

/// An archive as training programs write it: nested dictionaries, tensors, plain values.
std::string pickle_of(const std::vector<OutTensor>& tensors) {
  PickleWriter pickle;
  pickle.begin_dict();
  pickle.text("encoder");
  pickle.begin_dict();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    pickle.text("module." + tensors[i].tensor.name);
    pickle.tensor(tensors[i].tensor, std::to_string(i));
  }
  pickle.end_dict();
  pickle.text("opt");
  pickle.begin_list();
  pickle.none();
  pickle.boolean(true);
  pickle.integer(1'000'000'000'000);
  pickle.real(0.5);
  pickle.begin_tuple();
  pickle.integer(70'000);
  pickle.end_tuple();
  pickle.end_list();
  pickle.end_dict();
  return pickle.finish();
}

void add_weights(const Seeds& seeds) {
  const auto tensors = fuzz::tiny_tensors();
  const std::vector<OutTensor> few(tensors.begin() + 1, tensors.begin() + 4);
  write_torch_archive(seeds.at("zip", "encoder.pt"), pickle_of(few), few, "{}");
  const std::vector<OutTensor> none;
  write_torch_archive(seeds.at("zip", "empty.pt"), pickle_of(none), none);
  // The storages that the target `pickle` has.
  const auto fill = [](std::span<std::byte>) {};
  seeds.add("pickle", "three",
            pickle_of({{{"patch_embed.proj.weight", Element::f32, {8, 3, 2, 2}}, fill},
                       {{"pos_embed", Element::f16, {1, 2, 8}}, fill},
                       {{"step", Element::f32, {}}, fill}}));
  // Newer kinds of tensors, parameters and sizes, as torch writes them.
  seeds.add("pickle", "parameter",
            test::dictionary(test::text("w") + "ctorch._utils\n_rebuild_parameter\n(" +
                             test::tensor("0", 96, 8) + "\x88}tR" + test::text("v") +
                             test::view("1", 16, 2, {3, 2}, {1, 4})));
  const auto index = fuzz::write_tiny_weights(seeds.at("safetensors", "").parent_path().string());
  const std::string config =
      R"({"num_attention_heads": 2, "image_size": [8, 8], "image_mean": [0.5, 0.5, 0.5],
          "pretrained_cfg": {"std": [0.2, 0.2, 0.2]}, "model_args": {"num_heads": 2}})";
  seeds.add("weight_index", "two", index + std::string(1, '\0') + config);
}

void add_checkpoint(const Seeds& seeds) {
  PretrainRecipe recipe;
  recipe.model.encoder.name = "vit_tiny";
  recipe.model.encoder.patch = 16;
  recipe.data.shards = "shards";
  recipe.run.dir = "run";
  const auto text = recipe_text(recipe);
  seeds.add("recipe", "all", text);
  seeds.add("recipe", "few",
            std::string("[model]\nname = 'custom'\nwidth = 0x40\npredictor.depth = 2\n"
                        "[data]\nshards = \"a\"\nmean = [0, 0.5, 1e-1]\n"));
  CheckpointManifest manifest;
  manifest.meta = {7, {{"config", text}, {"positions", "0000803f"}}};
  manifest.parts = {{"part_00000.h5", 256, 1}};
  manifest.tensors = {{"encoder", "a", DType::f32, {4, 5}, {{0, 0, 12, 16, 3}, {0, 12, 8, 64, 4}}},
                      {"encoder", "b", DType::u8, {}, {{0, 0, 1, 255, 5}}}};
  seeds.add("manifest", "two", manifest_text(manifest));
  seeds.add("run_lock", "own", to_text(own_record({}, 5000)));
}

void add_hdf5(const Seeds& seeds) {
  for (int rows = 0; rows < 3; ++rows) {
    std::string bytes(400, '\0');
    bytes[0] = static_cast<char>(rows);
    seeds.add("shard", fmt::format("rows_{}", rows), bytes);
    seeds.add("features", fmt::format("rows_{}", rows), bytes);
  }
  seeds.add("features", "manifest",
            std::string(R"({"format": "ijepa-features", "version": 1, "encoder_identity": "e",
"image_identity": "i", "checkpoint": "c", "input": "s", "images": 2, "width": 4, "tokens": 3,
"pooled": true, "class_names": ["a", "b"], "parts": ["part_00001.h5"]})"));
}

void add_pictures(const Seeds& seeds) {
  const auto picture = test::draw_picture(13, 10);
  const auto grey = Bytes(130, 77);
  seeds.add("image.jpeg", "base", test::with_exif(test::encode_jpeg(picture), 6));
  seeds.add("image.jpeg", "progressive", test::encode_jpeg(picture, {.progressive = true}));
  test::JpegForm form;
  form.input = form.stored = JCS_CMYK;
  seeds.add("image.jpeg", "cmyk", test::encode_jpeg(Bytes(520, 40), 13, 10, form));
  form.input = form.stored = JCS_GRAYSCALE;
  form.h_sampling = form.v_sampling = 1;
  seeds.add("image.jpeg", "grey", test::encode_jpeg(grey, 13, 10, form));
  seeds.add("image.png", "rgb", test::png_with_exif(test::encode_png(picture), 3));
  seeds.add("image.png", "interlaced", test::encode_png(picture, PNG_INTERLACE_ADAM7));
  seeds.add(
      "image.png", "palette",
      test::encode_png(Bytes(65, 0x12), 13, 10, {PNG_COLOR_TYPE_PALETTE, 4, 0, Bytes(9, 99)}));
  seeds.add(
      "image.png", "deep",
      test::encode_png(Bytes(260, 3), 13, 10, {PNG_COLOR_TYPE_GRAY, 16, PNG_INTERLACE_NONE, {}}));
  seeds.add("image.webp", "lossless", test::webp(picture));
  seeds.add("image.tiff", "rgb", test::tiff(picture.rgb, 13, 10));
  seeds.add("image.tiff", "grey", test::tiff(Bytes(260, 5), 13, 10, {1, 16}));
  test::TiffForm tiles{.tile = 16};
  tiles.packed = COMPRESSION_NONE;
  seeds.add("image.tiff", "tiles", test::tiff(picture.rgb, 13, 10, tiles));
  seeds.add("image.tiff", "planes",
            test::tiff(Bytes(650, 9), 13, 10, {.channels = 5, .apart = true}));
  seeds.add("image.tiff", "pages", test::tiff(grey, 13, 10, {.channels = 1, .pages = 4}));
  seeds.add("image.tiff", "palette",
            test::tiff(grey, 13, 10, {.channels = 1, .photometric = PHOTOMETRIC_PALETTE}));
  seeds.add("image.gif", "plain", test::gif(false));
  seeds.add("image.gif", "interlaced", test::gif(true));
  seeds.add("image.bmp", "colours", test::bmp(picture));
  Bytes palette = test::bmp_header(2, 3, 4, 54 + 16 * 4);
  palette.resize(54 + 16 * 4 + 8, 0x21);
  seeds.add("image.bmp", "palette", palette);
  seeds.add("image.netpbm", "binary", test::ppm(picture));
  seeds.add("image.netpbm", "text", std::string("P2 # grey\n3 2\n15\n0 1 2\n3 4 15\n"));
}

void add_masks(const Seeds& seeds) {
  const std::string zero(1, '\0'),
      labels =
          "[[class]]\nname = \"ground\"\nmask = [0, 0, 0]\ndraw = [0, 0, 0]\n"
          "[[class]]\nname = \"cat\"\nmask = [77, 77, 77]\n[[class]]\nname = \"dog\"\nvalue = 9\n"
          "mask = [1, 2, 3]\n";
  const auto text_of = [](const Bytes& bytes) { return std::string(bytes.begin(), bytes.end()); };
  const auto mask = text_of(
      test::encode_png(Bytes(12, 1), 3, 4, {PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_NONE, {}}));
  seeds.add("masks", "colours", "unknown_colour = \"ignore\"\n" + labels + zero + mask);
  seeds.add("masks", "values", "masks = \"index\"\nignore_index = 255\n" + labels + zero + mask);
}

struct Member {
  std::string name, bytes, hard_link, symbolic_link;
};

std::string archive_of(const fs::path& path, int (*format)(archive*), int (*filter)(archive*),
                       const std::vector<Member>& members) {
  const std::unique_ptr<archive, decltype(&archive_write_free)> out(archive_write_new(),
                                                                    archive_write_free);
  format(out.get());
  if (filter != nullptr) filter(out.get());
  archive_write_set_bytes_in_last_block(out.get(), 1);
  check(archive_write_open_filename(out.get(), path.c_str()) == ARCHIVE_OK, "no archive {}",
        path.string());
  for (const auto& m : members) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                              archive_entry_free);
    archive_entry_set_pathname(entry.get(), m.name.c_str());
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_filetype(entry.get(), m.symbolic_link.empty() ? AE_IFREG : AE_IFLNK);
    archive_entry_set_size(entry.get(), std::ssize(m.bytes));
    if (!m.hard_link.empty()) archive_entry_set_hardlink(entry.get(), m.hard_link.c_str());
    if (!m.symbolic_link.empty()) archive_entry_set_symlink(entry.get(), m.symbolic_link.c_str());
    check(archive_write_header(out.get(), entry.get()) == ARCHIVE_OK, "no header of {}", m.name);
    archive_write_data(out.get(), m.bytes.data(), m.bytes.size());
  }
  check(archive_write_close(out.get()) == ARCHIVE_OK, "no archive {}", path.string());
  return read_text_file(path.string());
}

void add_archives(const Seeds& seeds) {
  const std::string picture = "\xff\xd8\xff picture";
  const std::vector<Member> linked{{"train/cat/1.jpg", picture, "", ""},
                                   {"train/dog/2.jpg", picture, "", ""},
                                   {"train/dog/3.jpg", "", "train/cat/1.jpg", ""},
                                   {"val", "", "", "train"},
                                   {"val/dog/4.jpg", "", "", "../cat/1.jpg"}};
  const std::vector<Member> twins{{"000.jpg", picture, "", ""},
                                  {"000.cls", "3\n", "", ""},
                                  {"001.jpg", picture, "", ""},
                                  {"001.cls", "14", "", ""}};
  const auto tar = archive_write_set_format_gnutar;
  archive_of(seeds.at("archive.tar", "linked"), tar, nullptr, linked);
  archive_of(seeds.at("archive.tar", "pax"), archive_write_set_format_pax, nullptr, linked);
  archive_of(seeds.at("archive.tar", "packed"), tar, archive_write_add_filter_gzip, linked);
  const auto twin = archive_of(seeds.at("archive.tar", "webdataset"), tar, nullptr, twins);
  archive_of(seeds.at("archive.tar", "nested"), tar, nullptr,
             {{"n01.tar", twin, "", ""}, {"n02.tar", picture, "", ""}});
  archive_of(seeds.at("archive.zip", "twins"), archive_write_set_format_zip, nullptr, twins);
  archive_of(seeds.at("archive.7z", "twins"), archive_write_set_format_7zip, nullptr, twins);
}

void add_beats(const Seeds& seeds) {
  std::string bytes;
  for (const auto& [kind, from, leader] : {std::tuple{Beat::Kind::beat, 3, 2},
                                           {Beat::Kind::answer, 0, 0},
                                           {Beat::Kind::leaves, 0, 0},
                                           {Beat::Kind::answer, 1, 1}}) {
    std::string datagram(sizeof(Beat), '\0');  // also what lies between the fields
    const Beat beat{
        .kind = kind, .from = from, .to = 2, .leader = leader, .interval = 1, .state = {}};
    std::memcpy(datagram.data(), &beat, sizeof beat);
    bytes += std::string(1, '\x20') + datagram;
  }
  seeds.add("heartbeat", "four", bytes);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", arguments[0]);
    return 2;
  }
  try {
    const Seeds seeds(arguments[1]);
    add_weights(seeds);
    add_checkpoint(seeds);
    add_hdf5(seeds);
    add_pictures(seeds);
    add_masks(seeds);
    add_archives(seeds);
    add_beats(seeds);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
