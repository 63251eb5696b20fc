// Images of a task: sources opened alike on all ranks, with what can be wrong with them found
// before the first step: labels that a classifier cannot learn from, images that cannot be read.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/tasks/images/open_images.hpp"

namespace ijepa {

/// open_images(), the same on all ranks; what is passed over is logged. Collective.
std::unique_ptr<Dataset> open_images_on_all(const std::string& path, Communicator& comm,
                                            const Log& log);

/// An Error names the folder and what is wrong: no class folders, images without a label.
void check_labels(const Dataset& images, const std::string& path);

/// check_labels(), and of training images: one class only, a class folder without images.
void check_classes(const Dataset& images, const std::string& path);

/// `valid` with the class names, and so the labels, of `train`. It may lack classes, which is
/// logged; an Error names a class that `train` lacks.
std::unique_ptr<Dataset> with_classes_of(const Dataset& train, const std::string& train_path,
                                         std::unique_ptr<Dataset> valid,
                                         const std::string& valid_path, const Log& log);

struct BadImage {
  std::string key, reason;
};

/// Decodes every image once, as a network of `channels` reads it, shared out over the ranks; the
/// first bad ones are named in warnings. Leaves the others, in the order they had, and adds the bad
/// ones to `bad`. The same on all ranks. An Error if none can be read. Collective.
void leave_out_bad_images(std::unique_ptr<Dataset>& images, std::vector<BadImage>& bad, int threads,
                          int channels, Communicator& comm, const Log& log);

/// bad_images.csv in `folder`: key and reason. Where there are none, that of an earlier call goes.
void write_bad_images(const std::vector<BadImage>& bad, const std::string& folder);

}  // namespace ijepa
