// Terminal: the one on which a person reads what this process writes to standard error, if there is
// one: its own, or that of the mpirun or mpiexec that passes its words on.
#pragma once
#include <cstddef>
#include <optional>

namespace ijepa {

class Terminal {
 public:
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  bool found() const { return file_ >= 0; }
  /// In columns.
  std::optional<std::size_t> width() const;

 private:
  int file_ = -1;
};

}  // namespace ijepa
