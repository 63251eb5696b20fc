// PickleValue: what a torch archive's pickle may describe: plain values, containers of them, and
// tensors in storages. Nothing of it can run.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ijepa/train/weights/weight_file.hpp"

namespace ijepa {

struct PickleValue;
using PickleRef = PickleValue*;  // into a PickleTree, which may share values and hold cycles

struct PickleTuple {
  std::vector<PickleRef> items;
};
struct PickleList {
  std::vector<PickleRef> items;
};
struct PickleDict {
  std::vector<std::pair<PickleRef, PickleRef>> items;
};
/// A name that the pickle may use: those of torch.load(weights_only=True) that hold no other kind
/// of tensor.
struct PickleGlobal {
  enum class Kind : std::uint8_t {
    storage,         // a type of storage, with its element
    untyped,         // a storage of bytes
    dtype,           // an element type, where it is known
    rebuild_tensor,  // functions that make tensors
    rebuild_typed_tensor,
    rebuild_parameter,
    rebuild_subclass,
    dictionary,
    size,
    value,  // a type or function whose results are values that weights do not need
  };
  Kind kind;
  std::optional<Element> element = std::nullopt;
  std::string name = {};  // as the pickle gives it
};
/// A value that is of no use here, such as a device.
struct PickleOpaque {
  std::string name;  // of what made it
};
struct PickleStorage {
  std::optional<Element> element;  // none: bytes
  std::string key;                 // names the entry of the archive
  std::int64_t numel;
};
struct PickleTensor {
  PickleStorage storage;
  Element element;
  std::int64_t offset;
  std::vector<std::int64_t> shape, strides;
};

struct PickleValue {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, PickleTuple, PickleList,
               PickleDict, PickleGlobal, PickleOpaque, PickleStorage, PickleTensor>
      v;
};

struct PickleTree {
  std::deque<PickleValue> values;  // owns them all
  PickleRef root = nullptr;
};

}  // namespace ijepa
