#include "data_tools/packing/statistics.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "ijepa/core/error.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/data/images/pixel_sums.hpp"
#include "ijepa/data/shards/shard_set.hpp"

namespace ijepa::tools {
namespace {

/// One thread's decoders.
struct Reader {
  ImageDecoder colours;
  SampleDecoder samples;
  std::vector<std::uint8_t> encoded;
};

/// Nothing where the image is damaged.
std::optional<PixelSums> sums_of(const ShardSet& set, std::int64_t image, int channels,
                                 Reader& reader) {
  PixelSums sums(channels);
  try {
    set.read(image, reader.encoded);
    if (channels == 3) {
      reader.colours.open(reader.encoded);
      sums.add(reader.colours.decode());
    } else {
      reader.samples.open(reader.encoded);
      sums.add(reader.samples.decode());
    }
  } catch (const WrongChannels& e) {
    fail("Image {} ({}) does not fit --channels {}: {}.", image, set.key(image), channels,
         e.what_it_has());
  } catch (const Error&) {
    return std::nullopt;
  }
  return sums;
}

struct Measured {
  PixelSums sums;
  std::int64_t images = 0, damaged = 0;
};

/// A few hundred images at a time, added in their order.
Measured measure(const ShardSet& set, const StatisticsOptions& o) {
  constexpr std::int64_t at_once = 256;
  const std::int64_t wanted = o.images > 0 ? std::min(o.images, set.size()) : set.size();
  std::vector<Reader> readers;
  for (int t = 0; t < o.threads; ++t)
    readers.push_back({ImageDecoder(o.max_pixels), SampleDecoder(o.channels, o.max_pixels), {}});
  Measured out{PixelSums(o.channels)};
  for (std::int64_t first = 0; first < wanted; first += at_once) {
    const auto count = static_cast<std::size_t>(std::min(at_once, wanted - first));
    std::vector<std::optional<PixelSums>> parts(count);
    parallel_for(count, o.threads, [&](std::size_t i, int thread) {
      const auto number = first + static_cast<std::int64_t>(i);
      parts[i] = sums_of(set, number * set.size() / wanted, o.channels,
                         readers[static_cast<std::size_t>(thread)]);
    });
    for (const auto& part : parts) {
      ++(part ? out.images : out.damaged);
      if (part) out.sums.add(*part);
    }
  }
  return out;
}

}  // namespace

std::string statistics_text(const StatisticsOptions& o) {
  const auto set = ShardSet::open(o.shards);
  const auto measured = measure(set, o);
  check(measured.images > 0,
        "{}: none of {} images can be decoded; ijepa-inspect {} --verify tells more.", o.shards,
        measured.damaged, o.shards);
  std::string text =
      fmt::format("# Of {} images of {}, values 0 to 1.\n", measured.images, o.shards);
  if (measured.damaged > 0)
    text += fmt::format("# {} cannot be decoded and are left out.\n", measured.damaged);
  const auto mean = measured.sums.mean();
  auto deviation = measured.sums.deviation();
  for (std::size_t c = 0; c < deviation.size(); ++c) {
    if (deviation[c] >= 1e-6) continue;
    text += fmt::format(
        "# Channel {} is {:.6g} everywhere and tells a network nothing: its deviation is set to "
        "1.\n",
        c + 1, mean[c]);
    deviation[c] = 1;
  }
  return text + fmt::format("[data]\nchannels = {}\nmean = [{:.6g}]\nstd = [{:.6g}]\n", o.channels,
                            fmt::join(mean, ", "), fmt::join(deviation, ", "));
}

}  // namespace ijepa::tools
