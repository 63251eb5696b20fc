// Confusion report: which classes are taken for which, as tables for programs and as a picture.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "ijepa/tasks/probing/head_grid.hpp"

namespace ijepa {

/// A line a true class, a column a class it was taken for, with a header; counts of test images.
std::string confusion_csv(const Confusion& confusion, const std::vector<std::string>& classes);

/// A line a class: its name, its test images, and its accuracy in percent by each of several kinds
/// of features (name, confusion); nothing where a class has no test image.
std::string per_class_csv(const std::vector<std::pair<std::string, const Confusion*>>& features,
                          const std::vector<std::string>& classes);

/// A PNG: rows are true classes, columns what they were taken for, darker for a larger share of the
/// row. Names and counts are written where there is room.
void write_confusion_picture(const Confusion& confusion, const std::vector<std::string>& classes,
                             const std::string& path);

}  // namespace ijepa
