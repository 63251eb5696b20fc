// bench_search: what ijepa-search does with many queries beside a bare Faiss index that is asked
// the same, in turns in one process. The program's time is that of a search for all queries less
// that of a search for one, so that reading the features and filling the index are left out; both
// are exact.
#include "ijepa/tasks/search/search.hpp"

#include <faiss/IndexFlat.h>
#include <fmt/core.h>
#include <omp.h>

#include <algorithm>
#include <CLI/CLI.hpp>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/features/feature_file.hpp"

namespace ijepa {
namespace {

struct Settings {
  std::string folder;
  std::int64_t images = 100'000, width = 384, queries = 1000, k = 10;
  int rounds = 3, threads = 1;
};

/// Processor seconds of f(): the machine may be shared.
template <class F>
double seconds_of(F&& f) {
  const auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const double start = now();
  f();
  return now() - start;
}

/// Features of random images, as ijepa-infer writes them.
Matrix<float> write_features(const Settings& s) {
  const FeatureIdentity identity{"0 target", "0"};
  FeatureRows rows;
  rows.labels.assign(static_cast<std::size_t>(s.images), -1);
  for (std::int64_t i = 0; i < s.images; ++i) rows.keys.push_back(fmt::format("{:08}", i));
  rows.pooled = Matrix<float>(s.images, s.width);
  Rng rng(1, Purpose::test);
  for (float& v : rows.pooled.values) v = static_cast<float>(rng.uniform(-1, 1));
  std::filesystem::create_directories(s.folder);
  write_feature_part(s.folder + "/" + part_name(0), identity, rows);
  FeatureManifest manifest;
  manifest.identity = identity;
  manifest.images = s.images;
  manifest.width = s.width;
  manifest.parts = {part_name(0)};
  write_feature_manifest(s.folder, manifest);
  return unit_rows(rows.pooled);
}

SearchResult search(const Settings& s, std::int64_t queries, Communicator& comm) {
  SearchSettings settings;
  settings.features = s.folder;
  settings.k = s.k;
  for (std::int64_t i = 0; i < queries; ++i) settings.queries.push_back(fmt::format("{:08}", i));
  return search_images(settings, comm, Log(0));
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void compare(const Settings& s) {
  omp_set_num_threads(s.threads);
  const auto rows = write_features(s);
  const auto comm = local_communicator();
  faiss::IndexFlatIP bare(s.width);
  bare.add(s.images, rows.values.data());
  const auto each = static_cast<std::size_t>(s.k + 1);  // an image is its own nearest
  std::vector<float> similarity(static_cast<std::size_t>(s.queries) * each);
  std::vector<std::int64_t> image(similarity.size());
  std::vector<double> ours, theirs, ratios;
  SearchResult result;
  for (int round = 0; round < s.rounds; ++round) {
    const double fixed = seconds_of([&] { search(s, 1, *comm); });
    const double all = seconds_of([&] { result = search(s, s.queries, *comm); });
    theirs.push_back(seconds_of([&] {
      bare.search(s.queries, rows.values.data(), s.k + 1, similarity.data(), image.data());
    }));
    ours.push_back(all - fixed);
    ratios.push_back(theirs.back() / ours.back());
    fmt::print(
        "round {}: ijepa-search {:.2f} s for {} queries ({:.2f} s for one), Faiss {:.2f} s\n",
        round + 1, all, s.queries, fixed, theirs.back());
    std::fflush(stdout);
  }
  std::size_t same = 0;
  for (std::size_t q = 0; q < result.hits.size(); ++q)
    for (std::size_t h = 0; h < result.hits[q].size(); ++h)
      same += result.hits[q][h].image == image[q * each + h + 1] ? 1 : 0;
  const auto rate = [&](const std::vector<double>& times) {
    return static_cast<double>(s.queries) / median(times);
  };
  fmt::print(
      "queries a second: ijepa-search {:.1f}, Faiss {:.1f}; ratio {:.3f}; {} of {} hits the "
      "same\n",
      rate(ours), rate(theirs), median(ratios), same, s.queries * s.k);
}

}  // namespace
}  // namespace ijepa

int main(int argc, char** argv) {
  ijepa::Settings s;
  CLI::App app{"Exact search of ijepa-search beside Faiss; medians, processor time."};
  app.option_defaults()->always_capture_default();
  app.add_option("folder", s.folder, "where features are written; to be removed after")->required();
  app.add_option("--images", s.images, "searched");
  app.add_option("--width", s.width, "of a feature");
  app.add_option("--queries", s.queries, "the first images");
  app.add_option("--k", s.k, "neighbours of each");
  app.add_option("--rounds", s.rounds, "medians of so many");
  app.add_option("--threads", s.threads, "of both");
  CLI11_PARSE(app, argc, argv);
  try {
    ijepa::compare(s);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_search: {}\n", error.what());
    return 1;
  }
}
