// Labels that lie beside the images, as in a WebDataset: 00000012.jpg and 00000012.cls, whose text
// is the class.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "data_tools/sources/source.hpp"

namespace ijepa::tools {

/// The file is named like one of these labels.
bool is_label_twin(const std::string& path);

/// The first reading: all classes that such files name.
class TwinClasses {
 public:
  /// Reads the current entry of `source` if it is a label.
  void add(const SourceEntry& entry, Source& source);
  /// In the order of their numbers where all are numbers, else in byte order. Empty if there are so
  /// many that they are no classes.
  std::vector<std::string> names() const;
  /// Labels that have no file of their name before or behind them.
  std::int64_t alone() const { return alone_ + (has_other_ ? 0 : of_stem_); }

 private:
  std::string stem_;  // of the last entries
  std::int64_t of_stem_ = 0, alone_ = 0;
  bool has_other_ = false;
  std::set<std::string> names_;
  bool too_many_ = false;
};

/// The entries of another source in its order, each with the label that lies beside it: the files
/// whose names are equal up to the first dot and that follow each other. Of several labels there
/// each goes to the files that have its whole name: a.1.cls to a.1.jpg. Holds their bytes.
class TwinSource : public Source {
 public:
  explicit TwinSource(std::unique_ptr<Source> source) : source_(std::move(source)) {}
  bool next(SourceEntry& entry) override;
  Payload fetch() override;

 private:
  struct Held {
    SourceEntry entry;
    Payload payload;
  };
  void read_group();

  std::unique_ptr<Source> source_;
  std::deque<Held> group_;  // still to come
  Held current_, ahead_;    // ahead_: the first entry of the next group
  bool has_ahead_ = false, ended_ = false;
};

}  // namespace ijepa::tools
