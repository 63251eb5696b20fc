// Labelled images: image sources that a classifier learns from, with what can be wrong with them
// found before the first step.
#pragma once
#include <memory>
#include <string>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/tasks/image_source.hpp"

namespace ijepa {

/// open_images(), the same on all ranks. Collective.
std::unique_ptr<ImageSource> open_images_on_all(const std::string& path, Communicator& comm);

/// An Error names the folder and what is wrong: no class folders, one class only, a class folder
/// without images, images without a label.
void check_classes(const ImageSource& images, const std::string& path);

/// An Error names the first class that one of them lacks.
void check_same_classes(const ImageSource& train, const std::string& train_path,
                        const ImageSource& valid, const std::string& valid_path);

}  // namespace ijepa
