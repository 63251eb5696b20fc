// bench_loader: pictures a second a core of everything the loader does, beside libjpeg-turbo's bare
// full decode of the same pictures in the same run. Time is CPU time, so that other programs on the
// machine do not count; rounds take turns, and the best of each stands.
#include <ctime>

// jpeglib.h uses size_t and FILE without including them.
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
// clang-format on
#include <algorithm>
#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/data/loading/loader.hpp"
#include "ijepa/data/shards/shard_set.hpp"

namespace ijepa {
namespace {

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

using Encoded = std::vector<std::vector<std::uint8_t>>;

/// The first pictures of a set that are JPEGs, in memory.
Encoded jpegs_of(const ShardSet& shards, std::int64_t most) {
  Encoded all;
  for (std::int64_t i = 0; i < shards.size() && static_cast<std::int64_t>(all.size()) < most; ++i) {
    std::vector<std::uint8_t> bytes;
    shards.read(i, bytes);
    if (image_format(bytes) == ImageFormat::jpeg) all.push_back(std::move(bytes));
  }
  check(!all.empty(), "The shards hold no JPEG image.");
  return all;
}

/// libjpeg-turbo and nothing else, with the settings the loader must use.
void decode_plainly(const std::vector<std::uint8_t>& bytes, std::vector<std::uint8_t>& rows) {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes.data(), bytes.size());
  jpeg_read_header(&info, TRUE);
  jpeg_start_decompress(&info);
  const std::size_t stride = static_cast<std::size_t>(info.output_width) *
                             static_cast<std::size_t>(info.output_components);
  rows.resize(stride * info.output_height);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = rows.data() + info.output_scanline * stride;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
}

/// Something that handles `images` pictures a round.
struct Case {
  std::string name;
  std::int64_t images;
  std::function<void()> round;
  double best_rate = 0;
};

std::function<void()> loader_round(const ShardSet& shards, const LoaderOptions& options,
                                   std::int64_t batch) {
  return [&shards, options, batch] {
    const SliceSchedule once = [&shards, batch](std::int64_t n) -> std::optional<Slice> {
      const std::int64_t first = n * batch;
      if (first >= shards.size()) return std::nullopt;
      return Slice{n, 0, first, std::min(batch, shards.size() - first)};
    };
    Loader loader(shards, Sampler(shards.size(), 1), once, options);
    while (loader.next() != nullptr) {
    }
  };
}

void run(const std::string& folder, int crop, int rounds, int threads) {
  const ShardSet shards = ShardSet::open(folder);
  const Encoded jpegs = jpegs_of(shards, 2000);
  const auto count = static_cast<std::int64_t>(jpegs.size());
  AugmentConfig plain;
  plain.crop_height = plain.crop_width = crop;
  AugmentConfig rich = plain;
  rich.flip = rich.blur = true;
  rich.colour_strength = 1;
  Augmenter crops(plain), colours(rich);
  std::vector<std::uint8_t> rows, out(static_cast<std::size_t>(crop * crop * 3));
  ImageDecoder decoder;
  std::int64_t epoch = 0;
  LoaderOptions options;
  options.augment = plain;
  options.threads = threads;

  const auto each = [&](const auto& action) {
    return [&, action] {
      ++epoch;
      for (std::size_t i = 0; i < jpegs.size(); ++i) action(i);
    };
  };
  std::vector<Case> cases{
      {"libjpeg-turbo, full decode", count, each([&](auto i) { decode_plainly(jpegs[i], rows); })},
      {"full decode to RGB, reused decoder", count, each([&](auto i) {
         decoder.open(jpegs[i]);
         decoder.decode();
       })},
      {"training view (random crop)", count, each([&](auto i) {
         crops.train(jpegs[i], epoch, static_cast<std::int64_t>(i), out.data());
       })},
      {"training view, flip, colour, blur", count, each([&](auto i) {
         colours.train(jpegs[i], epoch, static_cast<std::int64_t>(i), out.data());
       })},
      {"evaluation view", count, each([&](auto i) { crops.evaluate(jpegs[i], out.data()); })},
      {fmt::format("whole loader, {} threads", threads), shards.size(),
       loader_round(shards, options, 64)},
  };
  for (int r = 0; r < rounds; ++r)
    for (Case& c : cases) {
      const double begin = cpu_seconds();
      c.round();
      c.best_rate = std::max(c.best_rate, static_cast<double>(c.images) / (cpu_seconds() - begin));
    }
  fmt::print("{} images, crop {}, best of {} rounds, CPU time\n", shards.size(), crop, rounds);
  for (const Case& c : cases)
    fmt::print("{:<36} {:>9.1f} images/s a core  {:>6.2f} of full decode\n", c.name, c.best_rate,
               c.best_rate / cases[0].best_rate);
}

}  // namespace
}  // namespace ijepa

int main(int argc, char** argv) {
  CLI::App app("Loader rates beside libjpeg-turbo's full decode.");
  std::string folder;
  int crop = 224, rounds = 5, threads = 2;
  app.add_option("SHARDS", folder, "folder of shards made by ijepa-shards")->required();
  app.add_option("--crop", crop, "crop size in pixels")->check(CLI::Range(1, 4096));
  app.add_option("--rounds", rounds, "rounds; the best counts")->check(CLI::Range(1, 1000));
  app.add_option("--threads", threads, "threads of the whole loader")->check(CLI::Range(1, 256));
  CLI11_PARSE(app, argc, argv);
  try {
    ijepa::run(folder, crop, rounds, threads);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_loader: {}\n", error.what());
    return 1;
  }
  return 0;
}
