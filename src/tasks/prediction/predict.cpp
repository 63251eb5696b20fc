#include "ijepa/tasks/prediction/predict.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "../features/gemm.hpp"
#include "../loop/work_progress.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/shown.hpp"
#include "ijepa/tasks/images/image_folder.hpp"
#include "ijepa/tasks/images/labelled_images.hpp"
#include "ijepa/tasks/images/task_views.hpp"
#include "ijepa/tasks/loop/rank_batches.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/tasks/prediction/block_conditions.hpp"
#include "ijepa/tasks/prediction/whole_model.hpp"
#include "predict_report.hpp"

namespace ijepa {
namespace {

/// "top,left,rows,cols".
std::array<std::int64_t, 4> parse_box(const std::string& text) {
  std::array<std::int64_t, 4> numbers{};
  std::istringstream words(text);
  std::size_t count = 0;
  for (std::string word; std::getline(words, word, ',') && count < 4; ++count) {
    const char* end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, numbers[count]);
    check(error == std::errc{} && stop == end && numbers[count] >= 0,
          "\"{}\" in --box {} is no number.", word, text);
  }
  check(count == 4 && words.eof(), "--box {} is not TOP,LEFT,ROWS,COLS in patches.", text);
  return numbers;
}

/// What a rank found out about a block it asked about.
struct Asked {
  std::int64_t chosen = 0, block = 0, position = 0, before_inside = 0;
  float own = 0;
};

bool nearer(const BlockHit& a, const BlockHit& b) {
  return a.similarity > b.similarity || (a.similarity == b.similarity && a.image < b.image);
}

void keep_nearest(const BlockHit& hit, std::int64_t k, std::vector<BlockHit>& hits) {
  hits.insert(std::ranges::upper_bound(hits, hit, nearer), hit);
  if (std::ssize(hits) > k) hits.pop_back();
}

class Prediction {
 public:
  Prediction(const PredictSettings& settings, Communicator& comm, const Log& log)
      : settings_(settings),
        comm_(comm),
        log_(log),
        input_(open_images_on_all(settings.input, comm, log)),
        bank_(settings.bank.empty() || settings.bank == settings.input
                  ? nullptr
                  : open_images_on_all(settings.bank, comm, log)),
        model_(find_checkpoint(settings.run, settings.checkpoint, comm, log), settings.threads,
               comm, log),
        threads_(threads_or_cores(settings.threads)) {
    on_rank_0(comm, [&] {
      for (const auto& images : {settings.input, settings.bank})
        check_no_image_of(images, settings.out);
      prepare_output_folder(settings.out);
    });
    if (settings.skip_bad) {
      for (auto* images : {&input_, &bank_})
        if (*images) leave_out_bad_images(*images, bad_, threads_, model_.channels(), comm, log);
    }
    on_all_ranks(comm, [&] { choose(); });
  }

  PredictResult run() {
    ask();
    look_through_bank();
    gather_hits();
    PredictResult result{block_.rows, block_.cols, std::move(queries_), 0,
                         {},          {},          std::ssize(bad_)};
    judge(result);
    on_rank_0(comm_, [&] {
      write(result);
      if (const auto which = shown_channels(model_.channels()); !which.empty())
        log_.info("{}/predict.png shows {}.", settings_.out, which);
    });
    return result;
  }

 private:
  const Dataset& bank() const { return bank_ ? *bank_ : *input_; }

  void choose() {
    for (const auto& key : settings_.images) chosen_.push_back(find_image(*input_, key));
    if (chosen_.empty()) chosen_ = spread_numbers(settings_.queries, input_->size());
    const auto own = bank_ ? 0 : 1;
    check(bank().size() > own, "{} holds no other image to compare with.", settings_.input);
    const auto& config = model_.recipe().mask;
    const auto seed = static_cast<std::uint64_t>(settings_.seed);
    if (!settings_.box.empty()) return choose_box();
    const auto sizes = draw_block_sizes(config, model_.grid(), seed, 0);
    block_ = sizes.target;
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      masks_.push_back(
          draw_image_masks(config, model_.grid(), sizes, seed, 0, static_cast<std::int64_t>(i)));
      masks_.back().contexts.resize(1);
    }
  }

  void choose_box() {
    const auto [top, left, rows, cols] = parse_box(settings_.box);
    const Grid grid = model_.grid();
    check(rows > 0 && cols > 0 && top + rows <= grid.rows && left + cols <= grid.cols &&
              rows * cols < grid.tokens(),
          "--box {} does not lie inside the grid of {} x {} patches, or leaves nothing to see.",
          settings_.box, grid.rows, grid.cols);
    block_ = {rows, cols};
    ImageMasks masks;
    masks.contexts.resize(1);
    masks.targets.resize(1);
    for (std::int32_t patch = 0; patch < grid.tokens(); ++patch) {
      const auto y = patch / grid.cols, x = patch % grid.cols;
      const bool inside = y >= top && y < top + rows && x >= left && x < left + cols;
      (inside ? masks.targets : masks.contexts)[0].push_back(patch);
    }
    masks_.assign(chosen_.size(), masks);
  }

  /// Chosen images go round the ranks; afterwards every rank knows all queries.
  void ask() {
    std::vector<Asked> mine;
    std::vector<float> directions;
    auto views = model_.views(*input_, 1);
    for (auto c = comm_.rank(); c < static_cast<int>(chosen_.size()); c += comm_.size()) {
      const auto at = static_cast<std::size_t>(c);
      const auto e = model_.expect(views.evaluate(chosen_[at], 1), masks_[at]);
      const auto truths = block_vectors(e.tokens.view(), model_.grid(), block_);
      for (std::size_t b = 0; b < e.at.size(); ++b) {
        const auto direction = pooled_direction(e.predicted[b].view());
        const MatrixView<const float> row{direction.data(), 1, std::ssize(direction)};
        Matrix<float> similar(1, truths.rows);
        multiply_transposed<float>(row, truths.view(), similar.view());
        const auto position =
            position_of_block(model_.grid(), block_, *std::ranges::min_element(e.at[b]));
        const float own = similar.values[static_cast<std::size_t>(position)];
        mine.push_back({c, static_cast<std::int64_t>(b), position,
                        std::ranges::count_if(similar.values, [&](float s) { return s > own; }),
                        own});
        directions.insert(directions.end(), direction.begin(), direction.end());
      }
    }
    assemble(comm_.gather_all_lists(mine), comm_.gather_all_lists(directions));
  }

  void assemble(const std::vector<std::vector<Asked>>& asked,
                const std::vector<std::vector<float>>& directions) {
    std::vector<std::pair<Asked, std::vector<float>>> all;
    const auto width = static_cast<std::size_t>(model_.width());
    for (std::size_t rank = 0; rank < asked.size(); ++rank) {
      auto from = directions[rank].begin();
      for (const auto& a : asked[rank]) {
        all.emplace_back(a, std::vector<float>(from, from + static_cast<std::ptrdiff_t>(width)));
        from += static_cast<std::ptrdiff_t>(width);
      }
    }
    std::ranges::sort(all, {},
                      [](const auto& q) { return std::pair(q.first.chosen, q.first.block); });
    directions_ = {std::ssize(all), static_cast<std::int64_t>(width)};
    for (std::size_t q = 0; q < all.size(); ++q) {
      const auto& [a, direction] = all[q];
      const auto chosen = static_cast<std::size_t>(a.chosen);
      queries_.push_back({chosen_[chosen],
                          a.position,
                          a.own,
                          0,
                          0,
                          a.before_inside,
                          {},
                          masks_[chosen].contexts[0]});
      std::ranges::copy(direction, directions_.row(static_cast<std::int64_t>(q)).begin());
    }
  }

  void look_through_bank() {
    const auto images = spread_numbers(settings_.bank_images, bank().size());
    const auto most = images_at_once(model_.recipe().model.encoder);
    const RankBatches shared(std::ssize(images), most, comm_);
    const auto batch_of = [&](std::int64_t round) {
      return std::span(images).subspan(static_cast<std::size_t>(shared.first(round)),
                                       static_cast<std::size_t>(shared.count(round)));
    };
    auto views = model_.views(bank(), threads_);
    auto ahead = views.evaluate_ahead(shared.mine(), [&](std::int64_t round) {
      const auto batch = batch_of(round);
      return std::vector(batch.begin(), batch.end());
    });
    WorkProgress progress(comm_, "comparison with blocks of others", "images", std::ssize(images));
    for (std::int64_t round = 0; round < shared.mine(); ++round) {
      compare(batch_of(round), ahead.next()->pixels);
      progress.add(shared.count_of_all(round), ahead.wait_seconds());
    }
  }

  void compare(std::span<const std::int64_t> images, const std::vector<std::uint8_t>& pixels) {
    const auto targets = model_.targets(pixels, std::ssize(images));
    const auto tokens = model_.grid().tokens();
    for (std::size_t i = 0; i < images.size(); ++i) {
      const auto vectors =
          block_vectors(targets.view().slice(static_cast<std::int64_t>(i) * tokens, tokens),
                        model_.grid(), block_);
      Matrix<float> similar(directions_.rows, vectors.rows);
      multiply_transposed<float>(directions_.view(), vectors.view(), similar.view());
      for (std::size_t q = 0; q < queries_.size(); ++q)
        compare(images[i], similar.row(static_cast<std::int64_t>(q)), queries_[q]);
    }
  }

  void compare(std::int64_t image, std::span<const float> similar, BlockQuery& query) const {
    if (!bank_ && image == query.image) return;
    ++query.others;
    query.before_others += similar[static_cast<std::size_t>(query.position)] > query.own ? 1 : 0;
    const auto best = std::ranges::max_element(similar);
    keep_nearest({image, best - similar.begin(), *best}, settings_.k, query.hits);
  }

  void gather_hits() {
    std::vector<BlockHit> mine;
    std::vector<std::int64_t> counts;
    for (const auto& q : queries_) {
      counts.insert(counts.end(), {q.others, q.before_others, std::ssize(q.hits)});
      mine.insert(mine.end(), q.hits.begin(), q.hits.end());
    }
    const auto all_counts = comm_.gather_all_lists(counts);
    const auto all_hits = comm_.gather_all_lists(mine);
    for (auto& q : queries_) {
      q.hits.clear();
      q.others = q.before_others = 0;
    }
    for (std::size_t rank = 0; rank < all_hits.size(); ++rank) {
      const auto& numbers = all_counts[rank];
      auto hit = all_hits[rank].begin();
      for (std::size_t q = 0; q < queries_.size(); ++q) {
        queries_[q].others += numbers[3 * q];
        queries_[q].before_others += numbers[3 * q + 1];
        for (std::int64_t i = 0; i < numbers[3 * q + 2]; ++i)
          keep_nearest(*hit++, settings_.k, queries_[q].hits);
      }
    }
  }

  void judge(PredictResult& r) const {
    const auto count = static_cast<double>(r.queries.size());
    const auto share = [&](auto before, std::int64_t limit) {
      return static_cast<double>(std::ranges::count_if(
                 r.queries, [&](const auto& q) { return q.*before < limit; })) /
             count;
    };
    std::int64_t others = 0;
    for (const auto& q : r.queries) {
      r.mean_own += static_cast<double>(q.own) / count;
      others += q.others;
    }
    r.others = {1 + others / std::ssize(r.queries), share(&BlockQuery::before_others, 1),
                share(&BlockQuery::before_others, 5)};
    r.inside = {block_positions(model_.grid(), block_).tokens(),
                share(&BlockQuery::before_inside, 1), share(&BlockQuery::before_inside, 5)};
  }

  Box pixels_of(std::int64_t position) const {
    return box_of_block(model_.grid(), block_, model_.recipe().model.encoder.patch, position);
  }

  Image picture(const Dataset& images, std::int64_t image) const {
    const auto pixels = model_.views(images, 1).evaluate(image, 1);
    return shown(pixels.data(), model_.image_size(), model_.channels());
  }

  void write(const PredictResult& r) const {
    write_file_atomically(settings_.out + "/predict.csv",
                          as_csv(r, model_.grid(), *input_, bank()));
    write_file_atomically(settings_.out + "/predict.json", as_json(r));
    std::vector<BlockRow> rows;
    std::int64_t last = -1;
    for (const auto& q : r.queries) {  // the first block of each image
      if (q.image == last) continue;
      if (std::ssize(rows) == settings_.shown) break;
      last = q.image;
      BlockRow row{.picture = picture(*input_, q.image),
                   .context = q.context,
                   .truth = pixels_of(q.position),
                   .key = input_->key(q.image),
                   .own = q.own};
      for (const auto& hit : q.hits) {
        row.hits.push_back(cut_out(picture(bank(), hit.image).view(), pixels_of(hit.position)));
        row.similarities.push_back(hit.similarity);
      }
      rows.push_back(std::move(row));
    }
    write_bad_images(bad_, settings_.out);
    write_block_sheet(rows, model_.grid(), settings_.out + "/predict.png");
  }

  const PredictSettings& settings_;
  Communicator& comm_;
  Log log_;
  std::unique_ptr<Dataset> input_, bank_;  // bank_ null: the input is the bank
  std::vector<BadImage> bad_;
  WholeModel model_;
  int threads_;
  std::vector<std::int64_t> chosen_;
  std::vector<ImageMasks> masks_;  // of each chosen image
  BlockSize block_;
  std::vector<BlockQuery> queries_;
  Matrix<float> directions_;  // of the queries
};

}  // namespace

PredictResult predict_blocks(const PredictSettings& settings, Communicator& comm, const Log& log) {
  return Prediction(settings, comm, log).run();
}

}  // namespace ijepa
