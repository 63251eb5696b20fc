#include "ijepa/tasks/classification/classifier_weights.hpp"

#include <algorithm>
#include <array>

#include "../loop/same_training.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/json_text.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array transform_names{"squash", "cover", "random_crop"};
constexpr TrainedKind classifier_kind{"classifier", "ijepa-classify train wrote", "classifier"};

ViewTransform transform_of(const std::string& name) {
  const auto at = std::ranges::find(transform_names, name);
  check(at != transform_names.end(), "There is no transform {}.", name);
  return static_cast<ViewTransform>(at - transform_names.begin());
}

}  // namespace

std::string as_json(const ClassifierCard& c) {
  const Json json{{"classes", c.classes},
                  {"transform", transform_names.at(static_cast<std::size_t>(c.transform))},
                  {"image_height", c.image.height},
                  {"image_width", c.image.width},
                  {"mean", c.normalisation.mean},
                  {"std", c.normalisation.std},
                  {"encoder", c.encoder},
                  {"checkpoint", utf8_name(c.checkpoint)},
                  {"fine_tuned", c.fine_tuned},
                  {"epoch", c.epoch},
                  {"valid_loss", c.valid_loss},
                  {"valid_top1", c.valid_top1}};
  return json.dump(2) + "\n";
}

ClassifierCard parse_card(const std::string& text, const std::string& folder) {
  try {
    const auto json = parse_json(text, "its text is damaged");
    ClassifierCard c;
    json.at("classes").get_to(c.classes);
    c.transform = transform_of(json.at("transform").get<std::string>());
    c.image = {WholeNumber(json.at("image_height")), WholeNumber(json.at("image_width"))};
    json.at("mean").get_to(c.normalisation.mean);
    json.at("std").get_to(c.normalisation.std);
    json.at("encoder").get_to(c.encoder);
    json.at("checkpoint").get_to(c.checkpoint);
    json.at("fine_tuned").get_to(c.fine_tuned);
    c.epoch = WholeNumber(json.at("epoch"));
    json.at("valid_loss").get_to(c.valid_loss);
    json.at("valid_top1").get_to(c.valid_top1);
    check(
        !c.normalisation.mean.empty() && c.normalisation.mean.size() == c.normalisation.std.size(),
        "It has {} means and {} deviations.", c.normalisation.mean.size(),
        c.normalisation.std.size());
    check(c.classes.size() > 1, "It names {} classes.", c.classes.size());
    return c;
  } catch (const std::exception& e) {
    fail("What {} says of its classifier cannot be read: {}", folder, json_reason(e));
  }
}

void save_classifier(const std::string& folder, Classifier& classifier, const ClassifierCard& card,
                     const PretrainRecipe& recipe, const std::vector<Role>& roles,
                     std::map<std::string, std::string> texts, Communicator& comm) {
  auto states = classifier.state(roles);
  for (auto& state : states) state.download();
  texts["config"] = recipe_text(recipe);
  texts.merge(texts_of_positions(classifier.encoder().pretrained_positions()));
  texts[classifier_kind.key] = as_json(card);
  const CheckpointStore store(folder, {.keep_last = 1});
  store.save(comm, {card.epoch, std::move(texts)}, tensors_of(states));
}

void load_classifier(const std::string& checkpoint, Classifier& classifier,
                     const std::vector<Role>& roles, Communicator& comm) {
  auto states = classifier.state(roles);
  load_checkpoint(comm, checkpoint, tensors_of(states), Unused::ignore);
  states[0].upload(classifier.encoder().store());
  states[1].upload(classifier.head());
  classifier.encoder().load_position_table(checkpoint, comm);
}

OpenedClassifier open_classifier(const std::string& folder, int threads, TaskPrecision asked,
                                 Communicator& comm, const Log& log) {
  const auto checkpoint = find_trained(classifier_kind, folder, comm, log);
  const auto text = text_of_trained(classifier_kind, checkpoint, comm);
  OpenedClassifier opened;
  on_all_ranks(comm, [&] { opened.card = parse_card(text, checkpoint); });
  const auto recipe = load_checkpoint_recipe(checkpoint, comm);
  opened.device = open_task_device(recipe.compute, threads, comm, log);
  const auto precision = choose_precision(asked, recipe.compute, comm, log);
  const auto& card = opened.card;
  on_all_ranks(comm, [&] {
    check(std::ssize(card.normalisation.mean) == recipe.model.encoder.channels,
          "{} holds {} means, but its encoder takes {} channels: its files are damaged.",
          checkpoint, card.normalisation.mean.size(), recipe.model.encoder.channels);
    opened.most = images_at_once(encoder_at_size(recipe.model.encoder, card.image));
    const ClassifierShape shape{recipe.model.encoder, card.image, std::ssize(card.classes),
                                card.normalisation};
    opened.classifier = std::make_unique<Classifier>(*opened.device, shape, Trained::nothing,
                                                     precision, Recompute::none, opened.most);
  });
  load_classifier(checkpoint, *opened.classifier, {Role::weight}, comm);
  return opened;
}

}  // namespace ijepa
