#include "ijepa/tasks/prediction/sketch.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "../loop/work_progress.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/tasks/images/image_folder.hpp"
#include "ijepa/tasks/images/labelled_images.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/tasks/prediction/block_conditions.hpp"
#include "ijepa/tasks/prediction/decoder_weights.hpp"
#include "predict_report.hpp"
#include "sketch_pixels.hpp"
#include "sketch_report.hpp"

namespace ijepa {
namespace {

class Sketching {
 public:
  Sketching(const SketchSettings& settings, Communicator& comm, const Log& log)
      : settings_(settings), comm_(comm), images_(open_images_on_all(settings.input, comm, log)) {
    const auto decoder = find_decoder(settings.decoder, comm, log);
    card_ = load_decoder_card(decoder, comm);
    model_ = std::make_unique<WholeModel>(
        find_recorded_checkpoint(settings.run, settings.checkpoint, card_.checkpoint,
                                 "The network that the decoder was trained for", comm, log),
        settings.threads, comm, log);
    network_ = open_decoder(decoder, card_, *model_, comm);
    judge_.emplace(*model_, card_.shape);
    on_rank_0(comm, [&] {
      check(!std::filesystem::exists(std::filesystem::path(settings_.out) / "checkpoints"),
            "{} holds checkpoints, and only these may lie there: choose another folder by --out.",
            settings_.out);
      check_no_image_of(settings_.input, settings_.out);
      prepare_output_folder(settings_.out);
    });
    std::vector<BadImage> bad;
    if (settings.skip_bad) leave_out_bad_images(images_, bad, threads(), 3, comm, log);
    result_.bad_images = std::ssize(bad);
    on_rank_0(comm_, [&] { write_bad_images(bad, settings_.out); });
    on_all_ranks(comm, [&] { choose(); });
  }

  SketchResult run() {
    ask();
    encode_truths();
    WorkProgress progress(comm_, "sketches", "blocks", count());
    const auto heun = HeunSettings{settings_.steps, settings_.guidance};
    const std::vector<std::uint8_t> untold(static_cast<std::size_t>(settings_.samples));
    const Matrix<float> no_condition(settings_.samples, shape().model.condition);
    free_ = split(sample_blocks(*network_, no_condition.view(), untold,
                                shared_noise(shape(), seed(), settings_.samples, 1), heun));
    std::vector<SketchQuery> figures;
    std::vector<double> shown;
    for (auto q = static_cast<std::int64_t>(comm_.rank()); q < count(); q += comm_.size()) {
      on_this_rank_alone([&] { draw(q, heun, figures, shown); });
      progress.add(comm_.size());
    }
    require_no_problem_on_any_rank(comm_, problem_);
    assemble(comm_.gather_all_lists(figures));
    const auto pictures = comm_.gather_all_lists(shown);
    on_rank_0(comm_, [&] { write(pictures); });
    return result_;
  }

 private:
  const DecoderShape& shape() const { return card_.shape; }
  std::uint64_t seed() const { return static_cast<std::uint64_t>(settings_.seed); }
  std::int64_t count() const { return std::ssize(chosen_); }

  /// Ranks draw different numbers of blocks: a problem is agreed on when all are done.
  template <class F>
  void on_this_rank_alone(F&& work) try {
    if (problem_.empty()) work();
  } catch (...) {
    problem_ = message_of(std::current_exception());
  }

  /// Of what ranks gathered, `each` values a query, those of one.
  template <class T>
  std::span<const T> of_query(const std::vector<std::vector<T>>& by_rank, std::int64_t query,
                              std::size_t each = 1) const {
    const auto place = static_cast<std::size_t>(query / comm_.size());
    return std::span(by_rank[static_cast<std::size_t>(query % comm_.size())])
        .subspan(place * each, each);
  }

  int threads() const { return threads_or_cores(settings_.threads); }

  void choose() {
    for (const auto& key : settings_.images) {
      const auto image = find_image(*images_, key);
      check(!std::ranges::count(chosen_, image),
            "--image {} names an image a second time, which would be its own control.", key);
      chosen_.push_back(image);
    }
    if (chosen_.empty()) chosen_ = spread_numbers(settings_.queries, images_->size());
    check(count() >= 2,
          "A sketch needs at least two images, for the control by another's s; {} "
          "has been given.",
          count());
  }

  /// s of every chosen image's first block.
  void ask() {
    const ConditionRequest request{chosen_, shape().block(), seed(), true, threads()};
    auto all = collect_conditions(*model_, *images_, request, "", comm_);
    const auto blocks = all.size() / count();
    const auto first_of_each = [&](const Matrix<float>& means) {
      Matrix<float> out(count(), means.cols);
      for (std::int64_t i = 0; i < count(); ++i)
        std::ranges::copy(means.row(i * blocks), out.row(i).begin());
      return out;
    };
    const auto& statistics = network_->statistics();
    predicted_ = statistics.standardised(first_of_each(all.means.predicted).view());
    encoded_ = statistics.standardised_encoded(first_of_each(all.means.encoded).view());
    masks_ = std::move(all.masks);
    for (std::int64_t i = 0; i < count(); ++i)
      position_.push_back(all.position[static_cast<std::size_t>(i * blocks)]);
  }

  std::vector<std::uint8_t> picture(std::int64_t query) const {
    return model_->views(*images_, 1).evaluate(chosen_[static_cast<std::size_t>(query)], 1);
  }

  std::vector<double> truth(std::int64_t query) {
    const auto position = position_[static_cast<std::size_t>(query)];
    return levels_of(network_->crops(with_margin(picture(query), shape()), {&position, 1}),
                     shape());
  }

  /// What samples are compared with: each block is encoded by one rank.
  void encode_truths() {
    std::vector<float> mine;
    for (auto q = static_cast<std::int64_t>(comm_.rank()); q < count(); q += comm_.size())
      on_this_rank_alone([&] {
        const auto vector = judge_->encode({inside_block(truth(q), shape())});
        mine.insert(mine.end(), vector.values.begin(), vector.values.end());
      });
    require_no_problem_on_any_rank(comm_, problem_);
    const auto all = comm_.gather_all_lists(mine);
    Matrix<float> truths(count(), model_->width());
    for (std::int64_t q = 0; q < count(); ++q)
      std::ranges::copy(of_query(all, q, static_cast<std::size_t>(truths.cols)),
                        truths.row(q).begin());
    judge_->set_truths(std::move(truths));
  }

  /// Crops as levels, one by one.
  Samples split(const std::vector<float>& crops) const {
    const auto size = static_cast<std::size_t>(shape().model.crop_size());
    Samples out;
    for (std::size_t at = 0; at < crops.size(); at += size)
      out.push_back(levels_of(std::span(crops).subspan(at, size), shape()));
    return out;
  }

  /// All that is drawn for a block, by what is told.
  std::array<Samples, told_count> samples_of(std::int64_t query, const HeunSettings& heun) {
    const std::array<std::span<const float>, 3> told{
        predicted_.row(query), predicted_.row((query + 1) % count()), encoded_.row(query)};
    Matrix<float> condition(3 * settings_.samples, predicted_.cols);
    for (std::int64_t i = 0; i < condition.rows; ++i)
      std::ranges::copy(told.at(static_cast<std::size_t>(i / settings_.samples)),
                        condition.row(i).begin());
    const std::vector<std::uint8_t> all(static_cast<std::size_t>(condition.rows), 1);
    auto drawn = split(sample_blocks(*network_, condition.view(), all,
                                     shared_noise(shape(), seed(), settings_.samples, 3), heun));
    std::array<Samples, told_count> out;
    const std::array order{Told::predicted, Told::other, Told::encoded};
    for (std::size_t i = 0; i < drawn.size(); ++i)
      out.at(static_cast<std::size_t>(order.at(i / static_cast<std::size_t>(settings_.samples))))
          .push_back(std::move(drawn[i]));
    out.at(static_cast<std::size_t>(Told::nothing)) = free_;
    return out;
  }

  /// Appends the figures of a block and, where it is shown, its samples.
  void draw(std::int64_t query, const HeunSettings& heun, std::vector<SketchQuery>& figures,
            std::vector<double>& shown) {
    const auto drawn = samples_of(query, heun);
    const auto inside = inside_block(truth(query), shape());
    SketchQuery out{chosen_[static_cast<std::size_t>(query)],
                    position_[static_cast<std::size_t>(query)]};
    std::vector<float> mean(network_->statistics().crop_mean.begin(),
                            network_->statistics().crop_mean.end());
    out.mean_image_error =
        root_mean_square(inside_block(levels_of(mean, shape()), shape()), inside);
    for (std::size_t t = 0; t < told_count; ++t)
      out.told.at(t) = judge_->judge(query, drawn.at(t), inside);
    figures.push_back(out);
    if (query >= settings_.shown) return;
    for (const auto& samples : drawn)
      for (const auto& levels : samples) shown.insert(shown.end(), levels.begin(), levels.end());
  }

  void assemble(const std::vector<std::vector<SketchQuery>>& figures) {
    result_.rows = shape().block().rows;
    result_.cols = shape().block().cols;
    result_.settings = settings_;
    for (std::int64_t q = 0; q < count(); ++q) result_.queries.push_back(of_query(figures, q)[0]);
    const double share = 1 / static_cast<double>(count());
    for (const auto& q : result_.queries) {
      result_.mean_image_error += share * q.mean_image_error * q.mean_image_error;
      for (std::size_t t = 0; t < told_count; ++t) {
        auto& mean = result_.mean.at(t);
        const auto& one = q.told.at(t);
        mean.rank += share * one.rank;
        mean.at1 += share * one.at1;
        mean.at5 += share * one.at5;
        mean.error += share * one.error * one.error;
        mean.deviation += share * one.deviation;
      }
    }
    result_.mean_image_error = std::sqrt(result_.mean_image_error);
    for (auto& mean : result_.mean) mean.error = std::sqrt(mean.error);
  }

  void write(const std::vector<std::vector<double>>& shown) {
    write_file_atomically(settings_.out + "/sketch.csv", as_csv(result_, shape().grid, *images_));
    write_file_atomically(settings_.out + "/sketch.json", as_json(result_));
    write_sketch_sheet(sheet_of(shown), settings_.out + "/sketch.png");
  }

  SketchSheet sheet_of(const std::vector<std::vector<double>>& shown) {
    const auto size = static_cast<std::size_t>(shape().model.crop_size());
    const auto samples = static_cast<std::size_t>(settings_.samples);
    std::vector<std::array<Samples, told_count>> drawn;
    SketchSheet sheet;
    for (std::int64_t q = 0; q < std::min(settings_.shown, count()); ++q) {
      auto from = of_query(shown, q, told_count * samples * size).begin();
      auto& all = drawn.emplace_back();
      for (auto& told : all)
        for (std::size_t i = 0; i < samples; ++i, from += static_cast<std::ptrdiff_t>(size))
          told.emplace_back(from, from + static_cast<std::ptrdiff_t>(size));
      for (const auto& told : all)
        sheet.white_level =
            std::max(sheet.white_level, std::ranges::max(grey_of(deviation_of(told))));
    }
    sheet.white_level = std::max(1.0, std::ceil(sheet.white_level));
    sheet.title = fmt::format(
        "{} x {} patches and a ring of one; {} steps, guidance {:g}; deviation between samples, "
        "white "
        "at {:.0f} of 255 levels",
        result_.rows, result_.cols, settings_.steps, settings_.guidance, sheet.white_level);
    for (std::size_t q = 0; q < drawn.size(); ++q)
      sheet.images.push_back(lines_of(static_cast<std::int64_t>(q), drawn[q], sheet.white_level));
    return sheet;
  }

  std::vector<SketchLine> lines_of(std::int64_t query, const std::array<Samples, told_count>& drawn,
                                   double white_level) {
    std::vector<SketchLine> lines;
    for (std::size_t t = 0; t < told_count; ++t) {
      const auto told = static_cast<Told>(t);
      auto& line = lines.emplace_back();
      line.words = words_of(told);
      if (told == Told::predicted) {
        line.told = context_picture(query);
        line.key = images_->key(chosen_[static_cast<std::size_t>(query)]);
        line.truth = crop_picture(truth(query), shape());
      }
      if (told == Told::other) line.told = crop_picture(truth((query + 1) % count()), shape());
      if (told == Told::encoded) line.told = crop_picture(truth(query), shape());
      for (const auto& sample : drawn.at(t)) line.samples.push_back(crop_picture(sample, shape()));
      line.mean = crop_picture(mean_of(drawn.at(t)), shape());
      auto deviation = grey_of(deviation_of(drawn.at(t)));
      for (double& v : deviation) v *= 255 / white_level;
      line.deviation = crop_picture(deviation, shape());
    }
    return lines;
  }

  Image context_picture(std::int64_t query) {
    const Size size = model_->image_size();
    const auto at = static_cast<std::size_t>(query);
    return seen_context(
        {.picture = {size.height, size.width, picture(query)},
         .context = masks_[at].contexts[0],
         .truth = box_of_block(shape().grid, shape().block(), shape().model.patch, position_[at])},
        shape().grid);
  }

  const SketchSettings& settings_;
  Communicator& comm_;
  std::unique_ptr<Dataset> images_;
  DecoderCard card_;
  std::unique_ptr<WholeModel> model_;
  std::unique_ptr<DecoderNetwork> network_;  // destroyed before the model's device
  std::optional<SketchJudge> judge_;
  std::vector<std::int64_t> chosen_;
  std::vector<ImageMasks> masks_;       // of each chosen image
  std::vector<std::int32_t> position_;  // of its first block
  Matrix<float> predicted_, encoded_;   // s of it, standardised
  Samples free_;                        // drawn with nothing told
  SketchResult result_;
  std::string problem_;  // of this rank
};

}  // namespace

SketchResult sketch_blocks(const SketchSettings& settings, Communicator& comm, const Log& log) {
  return Sketching(settings, comm, log).run();
}

}  // namespace ijepa
