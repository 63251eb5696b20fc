#include "ijepa/tasks/search/search.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "../loop/work_progress.hpp"
#include "hit_sheet.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/columns.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/shown.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/features/feature_file.hpp"
#include "ijepa/tasks/images/image_folder.hpp"
#include "ijepa/tasks/loop/rank_batches.hpp"

namespace ijepa {
namespace {

/// What is looked for: rows of length 1, and where each came from.
struct Queries {
  Matrix<float> rows;
  std::vector<std::string> names;
  std::vector<std::int64_t> images;  // numbers among the features, -1: an image file
};

Image decode_file(const std::string& path) {
  std::vector<std::uint8_t> encoded;
  one_image(path, path)->read(0, encoded);
  try {
    return shown_as_stored(encoded);
  } catch (const Error& e) {
    fail("The image {} cannot be read: {}", path, e.what());
  }
}

Matrix<float> features_of_file(const std::string& path, FrozenEncoder& encoder) {
  const auto image = one_image(path, utf8_name(path));
  const auto pixels = encoder.views(*image, 1).evaluate(0, 1);
  Matrix<float> features(1, encoder.config().width);
  encoder.features().apply({pixels.data(), 1, encoder.image_size(), encoder.channels()},
                           features.view());
  return features;
}

class Search {
 public:
  Search(const SearchSettings& settings, Communicator& comm, const Log& log)
      : settings_(settings), comm_(comm), log_(log) {
    on_all_ranks(comm, [&] { manifest_ = read_feature_manifest(settings.features); });
    on_rank_0(comm, [&] {
      if (settings.out.empty()) return;
      if (!settings.all) check_no_image_of(shown_images(), settings.out);
      prepare_output_folder(settings.out);
    });
    on_all_ranks(comm, [&] {
      data_ = read_pooled_features(settings.features, manifest_);
      if (settings.centred) mean_ = column_means(data_.pooled);
      rows_ = directions(data_.pooled);
      check(settings.k >= 1 && settings.k < manifest_.images,
            "{} images have 1 to {} neighbours each, not {}.", manifest_.images,
            manifest_.images - 1, settings.k);
      check(settings.all || !settings.queries.empty() || !settings.files.empty(),
            "Nothing is looked for: name --query or --image, or say --all.");
      choose_queries();
      index_.emplace(rows_, settings.index);
    });
    if (!settings.files.empty()) add_files(log);
  }

  SearchResult run() const {
    SearchResult result;
    result.hits = all_hits();
    result.queries = queries_.names;
    result.keys = data_.keys;
    on_rank_0(comm_, [&] {
      judge(result);
      result.scale.emplace(rows_);
    });
    return result;
  }

  void write(const SearchResult& result) const {
    if (settings_.out.empty()) return;
    write_nearest(result);
    write_precision(result);
    if (!settings_.all) show(result);
  }

 private:
  /// What is compared: features, less their mean over the folder where that is asked for.
  Matrix<float> directions(const Matrix<float>& features) const {
    return unit_rows(mean_.empty() ? features : centred(features, mean_));
  }

  void choose_queries() {
    std::vector<std::int64_t> chosen;
    for (std::int64_t i = 0; settings_.all && i < manifest_.images; ++i) chosen.push_back(i);
    if (!settings_.queries.empty())
      for (std::int64_t i = 0; i < manifest_.images; ++i)
        by_key_.emplace(data_.keys[static_cast<std::size_t>(i)], i);  // of equal keys the first
    for (const auto& name : settings_.queries) chosen.push_back(find(name));
    queries_.rows = {std::ssize(chosen) + std::ssize(settings_.files), manifest_.width};
    for (const auto image : chosen) {
      std::ranges::copy(rows_.row(image), queries_.rows.row(std::ssize(queries_.images)).begin());
      queries_.names.push_back(data_.keys[static_cast<std::size_t>(image)]);
      queries_.images.push_back(image);
    }
  }

  std::int64_t find(const std::string& name) const {
    if (const auto it = by_key_.find(name); it != by_key_.end()) return it->second;
    const bool digits = !name.empty() && name.size() < 16 &&
                        name.find_first_not_of("0123456789") == std::string::npos;
    check(digits && std::stoll(name) < manifest_.images, "There is no image {} among the {} of {}.",
          name, manifest_.images, settings_.features);
    return std::stoll(name);
  }

  /// Image files go through the encoder that made the features, and no other.
  void add_files(const Log& log) {
    const auto checkpoint = find_recorded_checkpoint(
        settings_.run, settings_.checkpoint, manifest_.checkpoint,
        "The network that made the features in " + settings_.features, comm_, log);
    FrozenEncoder encoder(checkpoint, choice_of_identity(manifest_.identity.encoder),
                          settings_.threads, comm_, log,
                          precision_of_identity(manifest_.identity.encoder));
    on_all_ranks(comm_, [&] {
      check(encoder.identity() == manifest_.identity.encoder,
            "The features in {} are of another checkpoint than {}.", settings_.features,
            checkpoint);
      for (const auto& file : settings_.files) {
        const auto row = directions(features_of_file(file, encoder));
        std::ranges::copy(row.values, queries_.rows.row(std::ssize(queries_.images)).begin());
        queries_.names.push_back(file);
        queries_.images.push_back(-1);
      }
    });
  }

  struct Record {
    std::int64_t query;
    Hit hit;
  };

  /// Blocks of queries are the same for any number of ranks: Faiss rounds otherwise in others.
  std::vector<std::vector<Hit>> all_hits() const {
    constexpr std::int64_t block = 256;
    const auto count = queries_.rows.rows;
    std::vector<Record> mine;
    WorkProgress progress(comm_, "search", "queries", count);
    const RankBatches shared(count, block, comm_);
    for (std::int64_t round = 0; round < shared.mine(); ++round) {
      const auto first = shared.first(round), size = shared.count(round);
      // One more than is wanted: an image is its own nearest.
      auto hits = index_->nearest(queries_.rows.view().slice(first, size), settings_.k + 1);
      for (std::int64_t q = 0; q < size; ++q)
        append(first + q, hits[static_cast<std::size_t>(q)], mine);
      progress.add(shared.count_of_all(round));
    }
    std::vector<std::vector<Hit>> all(static_cast<std::size_t>(count));
    for (const auto& part : comm_.gather_all_lists(mine))
      for (const auto& [query, hit] : part) all[static_cast<std::size_t>(query)].push_back(hit);
    return all;
  }

  void append(std::int64_t query, std::vector<Hit>& hits, std::vector<Record>& to) const {
    const auto own = queries_.images[static_cast<std::size_t>(query)];
    std::erase_if(hits, [&](const Hit& hit) { return hit.image == own; });
    hits.resize(std::min(hits.size(), static_cast<std::size_t>(settings_.k)));
    for (const auto& hit : hits) to.push_back({query, hit});
  }

  int label(std::int64_t image) const {
    return image < 0 ? -1 : data_.labels[static_cast<std::size_t>(image)];
  }

  std::string class_of(std::int64_t image) const {
    const auto c = label(image);
    if (c < 0) return "";
    const auto& names = manifest_.class_names;
    return c < std::ssize(names) ? names[static_cast<std::size_t>(c)] : fmt::format("class {}", c);
  }

  Match match(std::int64_t query, std::int64_t hit) const {
    if (label(query) < 0 || label(hit) < 0) return Match::unknown;
    return label(query) == label(hit) ? Match::same : Match::other;
  }

  void judge(SearchResult& result) const {
    std::vector<std::size_t> labelled;
    for (std::size_t q = 0; q < queries_.images.size(); ++q)
      if (label(queries_.images[q]) >= 0) labelled.push_back(q);
    if (labelled.empty()) return;
    for (const std::int64_t k : {std::int64_t{1}, std::int64_t{5}, std::int64_t{10}, settings_.k}) {
      if (k > settings_.k || (!result.precision.empty() && k <= result.precision.back().k))
        continue;
      double share = 0;
      for (const auto q : labelled) share += same_class(q, result.hits[q], k);
      result.precision.push_back({k, share / static_cast<double>(labelled.size())});
    }
    std::map<int, double> counts;
    for (const auto l : data_.labels) ++counts[l];
    for (const auto q : labelled)
      result.chance += (counts[label(queries_.images[q])] - 1) /
                       static_cast<double>(manifest_.images - 1) /
                       static_cast<double>(labelled.size());
  }
  double same_class(std::size_t query, const std::vector<Hit>& hits, std::int64_t k) const {
    const auto wanted = label(queries_.images[query]);
    const auto first = std::min(std::ssize(hits), k);
    const auto same = std::count_if(hits.begin(), hits.begin() + first,
                                    [&](const Hit& hit) { return label(hit.image) == wanted; });
    return static_cast<double>(same) / static_cast<double>(k);
  }

  void write_nearest(const SearchResult& result) const {
    std::string text = "query,rank,key,similarity,percentile\n";
    for (std::size_t q = 0; q < result.hits.size(); ++q)
      for (std::size_t h = 0; h < result.hits[q].size(); ++h)
        text += fmt::format(
            "{},{},{},{:.6f},{:.2f}\n", csv_field(result.queries[q]), h + 1,
            csv_field(data_.keys[static_cast<std::size_t>(result.hits[q][h].image)]),
            result.hits[q][h].similarity, 100 * result.scale->below(result.hits[q][h].similarity));
    write_file_atomically(settings_.out + "/nearest.csv", text);
  }

  void write_precision(const SearchResult& result) const {
    if (result.precision.empty()) return;
    const bool beside = !result.beside.empty();
    std::string text = beside ? "k,precision,chance,beside\n" : "k,precision,chance\n";
    for (std::size_t i = 0; i < result.precision.size(); ++i) {
      const auto& p = result.precision[i];
      text += fmt::format("{},{:.6f},{:.6f}", p.k, p.share, result.chance);
      text += beside ? fmt::format(",{:.6f}\n", result.beside[i].share) : "\n";
    }
    write_file_atomically(settings_.out + "/precision.csv", text);
  }

  std::string shown_images() const {
    return settings_.images.empty() ? path_of_text(manifest_.input) : settings_.images;
  }

  /// Of an image of the features among `images`, of which some may have been left out.
  std::int64_t place_of(const Dataset& images, std::int64_t image) const {
    const auto& key = data_.keys[static_cast<std::size_t>(image)];
    if (image < images.size() && images.key(image) == key) return image;
    std::int64_t at = 0;
    while (at < images.size() && images.key(at) != key) ++at;
    check(at < images.size(), "The image {} of the features is not at {}: name them by --images.",
          key, shown_images());
    return at;
  }

  void show(const SearchResult& result) const {
    const auto images = open_images(shown_images());
    int most_channels = 0;
    const auto named = [&](std::int64_t image) -> NamedImage {
      std::vector<std::uint8_t> encoded;
      images->read(place_of(*images, image), encoded);
      most_channels = std::max(most_channels, stored_channels(encoded).channels);
      return {shown_as_stored(encoded), data_.keys[static_cast<std::size_t>(image)],
              class_of(image)};
    };
    std::vector<HitRow> sheet;
    for (std::size_t q = 0; q < result.hits.size(); ++q) {
      const auto own = queries_.images[q];
      const auto& name = queries_.names[q];
      HitRow row{own < 0 ? NamedImage{decode_file(name), utf8_name(name), ""} : named(own), {}};
      const auto add = [&](const std::vector<Hit>& hits, const SimilarityScale& scale) {
        auto& group = row.groups.emplace_back();
        for (const auto& hit : hits)
          group.push_back({named(hit.image), match(own, hit.image), hit.similarity,
                           scale.below(hit.similarity)});
      };
      add(result.hits[q], *result.scale);
      if (!result.beside_hits.empty()) add(result.beside_hits[q], *result.beside_scale);
      sheet.push_back(std::move(row));
    }
    std::vector<std::string> groups{utf8_name(settings_.features)};
    if (!result.beside_hits.empty()) groups.push_back(utf8_name(settings_.beside));
    write_hit_sheet(sheet, groups, settings_.out + "/hits.png");
    constexpr int colours_and_alpha = 4;
    if (most_channels > colours_and_alpha)
      log_.info("{}/hits.png shows {}.", settings_.out, shown_channels(most_channels));
  }

  const SearchSettings& settings_;
  Communicator& comm_;
  Log log_;
  FeatureManifest manifest_;
  FeatureRows data_;
  std::unordered_map<std::string_view, std::int64_t> by_key_;  // number of an image
  std::vector<double> mean_;  // empty: features are compared as they are
  Matrix<float> rows_;
  Queries queries_;
  std::optional<SimilarityIndex> index_;
};

/// The same queries by the features beside.
void look_beside(const SearchSettings& settings, Communicator& comm, const Log& log,
                 SearchResult& result) {
  auto other = settings;
  other.features = settings.beside;
  auto beside = Search(other, comm, log).run();
  on_rank_0(comm, [&] {
    check(beside.keys == result.keys, "The features in {} and those in {} are of other images.",
          settings.features, settings.beside);
  });
  result.beside_hits = std::move(beside.hits);
  result.beside = std::move(beside.precision);
  result.beside_scale = std::move(beside.scale);
}

}  // namespace

SearchResult search_images(const SearchSettings& settings, Communicator& comm, const Log& log) {
  const Search search(settings, comm, log);
  auto result = search.run();
  if (!settings.beside.empty()) look_beside(settings, comm, log, result);
  on_rank_0(comm, [&] { search.write(result); });
  return result;
}

double image_similarity(const std::pair<std::string, std::string>& files, FrozenEncoder& encoder) {
  const auto a = unit_rows(features_of_file(files.first, encoder)),
             b = unit_rows(features_of_file(files.second, encoder));
  double cosine = 0;
  for (std::size_t d = 0; d < a.values.size(); ++d)
    cosine += static_cast<double>(a.values[d]) * static_cast<double>(b.values[d]);
  return cosine;
}

}  // namespace ijepa
