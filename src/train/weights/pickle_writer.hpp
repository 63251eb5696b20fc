// PickleWriter: the pickle of a torch archive (protocol 2), value after value.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ijepa/train/weights/weight_file.hpp"

namespace ijepa {

/// Containers are opened and closed; inside a dictionary, keys and values alternate.
class PickleWriter {
 public:
  PickleWriter();

  void begin_dict() { raw("}("); }
  void end_dict() { raw("u"); }
  void begin_list() { raw("]("); }
  void end_list() { raw("e"); }
  void begin_tuple() { raw("("); }
  void end_tuple() { raw("t"); }
  void none() { raw("N"); }
  void boolean(bool value) { raw(value ? "\x88" : "\x89"); }
  void integer(std::int64_t value);
  void real(double value);
  void text(std::string_view value);
  /// A contiguous tensor that is all of the storage `key`.
  void tensor(const FileTensor& tensor, const std::string& key);

  /// The finished pickle.
  std::string finish();

 private:
  void raw(std::string_view bytes) { bytes_ += bytes; }
  template <class T>
  void little_endian(T value);
  void tuple_of(const std::vector<std::int64_t>& values);

  std::string bytes_;
};

}  // namespace ijepa
