#include "ijepa/tasks/probing/probe_images.hpp"

#include <optional>

#include "ijepa/comm/agree.hpp"
#include "ijepa/tasks/labelled.hpp"

namespace ijepa {
namespace {

ShardSet open_set(const std::string& folder, Communicator& comm) {
  std::optional<ShardSet> shards;
  on_all_ranks(comm, [&] { shards = ShardSet::open(folder); });
  require_equal_on_all_ranks(comm, "The shard set " + folder,
                             fmt::format("{:016x}", shards->fingerprint()));
  return std::move(*shards);
}

LabelledFeatures labels_alone(const ShardSet& shards, const ImageChoice& images) {
  LabelledFeatures set{{std::ssize(images), 0}, {}, std::ssize(shards.class_names()), images};
  for (const auto image : images) set.labels.push_back(shards.label(image));
  return set;
}

}  // namespace

ProbeImages open_probe_images(const ProbeRequest& request, Communicator& comm) {
  ProbeImages out{open_set(request.train, comm), open_set(request.test, comm), {}, {}};
  on_all_ranks(comm, [&] {
    out.train_images = request.subset.empty()
                           ? first_images(out.train, request.most)
                           : choose_images(out.train, request.subset, request.seed);
    out.test_images = first_images(out.test, request.most);
  });
  on_rank_0(comm, [&] {
    check(out.train.class_names() == out.test.class_names(),
          "{} and {} have different classes; a probe needs a training and a test set of the same.",
          request.train, request.test);
    check_probe_sets(labels_alone(out.train, out.train_images),
                     labels_alone(out.test, out.test_images), *local_communicator());
  });
  return out;
}

}  // namespace ijepa
