// PickleValue: what a torch archive's pickle may describe: plain values, containers of them, and
// tensors in storages. Nothing of it can run.
#pragma once
#include <cstdint>
#include <deque>
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
/// A name that the pickle may use: a type of storage, or one of the two allowed functions.
struct PickleGlobal {
  enum class Kind : std::uint8_t { storage, rebuild_tensor, ordered_dict };
  Kind kind;
  Element element = Element::f32;  // of a storage
};
struct PickleStorage {
  Element element;
  std::string key;  // names the entry of the archive
  std::int64_t numel;
};
struct PickleTensor {
  PickleStorage storage;
  std::int64_t offset;
  std::vector<std::int64_t> shape, strides;
};

struct PickleValue {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, PickleTuple, PickleList,
               PickleDict, PickleGlobal, PickleStorage, PickleTensor>
      v;
};

struct PickleTree {
  std::deque<PickleValue> values;  // owns them all
  PickleRef root = nullptr;
};

}  // namespace ijepa
