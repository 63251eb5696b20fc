// Health: is the representation collapsing? A falling loss does not tell: it also falls when
// features lose dimensions or encode nothing but the patch position. Pure functions of features and
// targets of a fixed set of held-out images; accumulation is float64.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ijepa/core/matrix.hpp"

namespace ijepa {

/// What the diagnostics see: n held-out images of N patches, features of width D.
struct HealthInputs {
  MatrixView<const float> features;  // (n, D) target encoder, mean over patches, final norm applied
  MatrixView<const float> targets;   // (n N, D) the loss's targets (second norm) of every patch
  MatrixView<const float> predictions;  // (M, D) predictor outputs
  std::span<const std::int32_t> rows;   // (M) each prediction's row in `targets`: image * N + patch
};

/// Every value is NaN if an input is not finite, and where it is undefined (gap without
/// predictions).
struct Health {
  std::int64_t images = 0, width = 0;  // n, D
  double rankme = 0;                   // 1 .. min(n, D)
  double rankme_centred = 0;           // the same after subtracting the mean feature
  double feature_std = 0;         // of L2-normalised features, mean over channels; about D^-1/2
  double raw_std = 0;             // of the features as they are, mean over channels
  double pairwise_cosine = 0;     // mean over pairs of different images; 1 is full collapse
  double position_share = 0;      // share of target variance that the patch position explains
  double cross_sample_gap = 0;    // cos(prediction, own target) - cos(prediction, other images')
  double loss = 0;                // smooth-L1 of the predictions
  double zero_loss = 0;           // the same of predicting 0 (0.425 for unit normal targets)
  double position_mean_loss = 0;  // the same of predicting the position's mean over images
  double loss_to_zero = 0,
         loss_to_position_mean = 0;  // loss relative to the two; below 1 is useful
};

/// Variance over rows of each column of x (n, D): (D).
std::vector<float> channel_variances(MatrixView<const float> x);

/// All diagnostics. n >= 2; an Error names what does not fit together.
Health measure_health(const HealthInputs& inputs);

/// RankMe (Garrido et al., arXiv 2210.02885): exp of the entropy of p_k = sigma_k / sum sigma +
/// 1e-7 over the singular values of z (n, D), which is not centred; the p_k are not renormalised.
double rankme(MatrixView<const double> z);

/// Singular values of z (n, D), largest first, min(n, D) of them; relative accuracy about 1e-8 of
/// the largest (they come from the smaller Gram matrix).
std::vector<double> singular_values(MatrixView<const double> z);

/// What the predictor is asked for: where it is pixels alone, its features mean nothing.
enum class Predicts : std::uint8_t { features, pixels };

/// The figures by name, in a fixed order, for the event log and those who read it.
struct HealthFigure {
  std::string_view name;
  double Health::*value;
  bool of_predictions = false;  // of the predictor's, or of trivial ones to compare them with

  /// Whether it means something where this is predicted.
  bool told(Predicts predicts) const { return !of_predictions || predicts == Predicts::features; }
};
inline constexpr std::array<HealthFigure, 12> health_figures{
    {{"rankme", &Health::rankme},
     {"rankme_centred", &Health::rankme_centred},
     {"feature_std", &Health::feature_std},
     {"raw_std", &Health::raw_std},
     {"pairwise_cosine", &Health::pairwise_cosine},
     {"position_share", &Health::position_share},
     {"cross_sample_gap", &Health::cross_sample_gap, true},
     {"loss", &Health::loss, true},
     {"zero_loss", &Health::zero_loss, true},
     {"position_mean_loss", &Health::position_mean_loss, true},
     {"loss_to_zero", &Health::loss_to_zero, true},
     {"loss_to_position_mean", &Health::loss_to_position_mean, true}}};

/// Limits below (or above) which a warning is given; no source gives universal ones.
struct HealthLimits {
  double rank_share = 0.1;         // RankMe below this share of min(n, D)
  double rank_good = 0.25;         // RankMe above this share: what good runs had
  double rank_drop = 0.5;          // RankMe below this share of the previous evaluation's
  double std_share = 0.1;          // feature std below this share of D^-1/2
  double cosine = 0.99;            // pairwise cosine above this
  double position_share = 0.9;     // above this
  double cross_sample_gap = 0.02;  // below this
};

/// One sentence a suspicion, none when all is well. `previous`: the last evaluation, or nullptr.
std::vector<std::string> warnings(const Health& health, const Health* previous = nullptr,
                                  Predicts predicts = Predicts::features,
                                  const HealthLimits& limits = {});

/// A sentence or two: whether the features are healthy, and by which figure. Beside what is warned
/// of it is RankMe's share of min(n, D), which told good runs from bad ones where loss and cosine
/// did not; with a good share, a predictor that knows little of the image makes them weak at most
/// (docs/recipes.md).
std::string judgement(const Health& health, Predicts predicts = Predicts::features,
                      const HealthLimits& limits = {});

}  // namespace ijepa
