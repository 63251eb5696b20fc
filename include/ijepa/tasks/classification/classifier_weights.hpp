// Classifier weights: a checkpoint folder that says of itself what it is: class names, image size,
// transform, normalisation and where the encoder came from. Written whole or not at all.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ijepa/tasks/classification/classifier.hpp"
#include "ijepa/tasks/images/task_views.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// What the weights say of themselves.
struct ClassifierCard {
  std::vector<std::string> classes;
  ViewTransform transform = ViewTransform::squash;
  Size image;
  Normalisation normalisation;
  std::string encoder, checkpoint;  // which of a checkpoint's encoders they began from
  bool fine_tuned = false;
  std::int64_t epoch = 0;  // from 1
  double valid_loss = 0, valid_top1 = 0;
};

std::string as_json(const ClassifierCard& card);
/// An Error names `folder` when the text is not a card.
ClassifierCard parse_card(const std::string& text, const std::string& folder);

/// Saves into the run folder `folder` as its only checkpoint; the step is the card's epoch. `texts`
/// goes beside the card and the pretraining recipe. Collective.
void save_classifier(const std::string& folder, Classifier& classifier, const ClassifierCard& card,
                     const PretrainRecipe& recipe, const std::vector<Role>& roles,
                     std::map<std::string, std::string> texts, Communicator& comm);

/// Fills weights, or weights and moments, of a classifier of the same shape. Collective.
void load_classifier(const std::string& checkpoint, Classifier& classifier,
                     const std::vector<Role>& roles, Communicator& comm);

/// A classifier ready to be asked about up to `most` images at once.
struct OpenedClassifier {
  ClassifierCard card;
  std::unique_ptr<Device> device;
  std::unique_ptr<Classifier> classifier;  // destroyed before its device
  std::int64_t most = 1;
};
/// `threads` a rank; 0: as the pretraining was configured. An Error when the folder holds no
/// classifier. Collective.
OpenedClassifier open_classifier(const std::string& folder, int threads, TaskPrecision precision,
                                 Communicator& comm, const Log& log);

}  // namespace ijepa
