#include "torch_archive.hpp"

#include <algorithm>
#include <filesystem>

#include "../checkpoint_disk.hpp"
#include "ijepa/core/error.hpp"
#include "pickle_reader.hpp"
#include "zip_reader.hpp"

namespace ijepa {
namespace {

constexpr std::uint64_t most_pickle_bytes = std::uint64_t{16} << 20;
constexpr int deepest = 16;
constexpr std::size_t most_leaves = 1'000'000;

/// The values of a pickle's tree by their joined names.
struct Leaves {
  std::map<std::string, FileScalar> scalars;
  std::vector<std::pair<std::string, PickleTensor>> tensors;
};

class Flattening {
 public:
  Flattening(const std::string& source, Leaves& leaves) : source_(source), leaves_(leaves) {}

  void visit(const PickleValue& value, const std::string& name, int depth) {
    // A few shared or cyclic containers could otherwise unfold without end.
    check(depth <= deepest && ++visited_ <= most_leaves,
          "{} is refused: its pickle nests more than weights need.", source_);
    std::visit([&](const auto& v) { add(v, name, depth); }, value.v);
  }

 private:
  static std::string joined(const std::string& name, const std::string& part) {
    return name.empty() ? part : name + "/" + part;
  }
  void add(const PickleDict& dict, const std::string& name, int depth) {
    for (const auto& [key, value] : dict.items) {
      if (const auto* text = std::get_if<std::string>(&key->v))
        visit(*value, joined(name, *text), depth + 1);
      else if (const auto* number = std::get_if<std::int64_t>(&key->v))
        visit(*value, joined(name, std::to_string(*number)), depth + 1);
      else
        fail("{} is refused: {} has a key that is neither text nor a whole number.", source_, name);
    }
  }
  void add_items(const std::vector<PickleRef>& items, const std::string& name, int depth) {
    for (std::size_t i = 0; i < items.size(); ++i)
      visit(*items[i], joined(name, std::to_string(i)), depth + 1);
  }
  void add(const PickleList& list, const std::string& name, int depth) {
    add_items(list.items, name, depth);
  }
  void add(const PickleTuple& tuple, const std::string& name, int depth) {
    add_items(tuple.items, name, depth);
  }
  void add(const PickleTensor& tensor, const std::string& name, int) {
    leaves_.tensors.emplace_back(name, tensor);
  }
  void add(const PickleGlobal&, const std::string& name, int) { unusable(name); }
  void add(const PickleStorage&, const std::string& name, int) { unusable(name); }
  template <class T>
  void add(const T& scalar, const std::string& name, int) {
    leaves_.scalars[name] = scalar;
  }
  [[noreturn]] void unusable(const std::string& name) {
    fail("{} is refused: {} is neither a tensor nor a plain value.", source_, name);
  }

  const std::string& source_;
  Leaves& leaves_;
  std::size_t visited_ = 0;
};

class TorchArchive final : public WeightFile {
 public:
  explicit TorchArchive(const std::string& path) : WeightFile(path), zip_(path) {
    const std::string pickle = zip_.only_name_ending("/data.pkl");
    prefix_ = pickle.substr(0, pickle.size() - std::string_view("data.pkl").size());
    check_byte_order();
    const auto size = zip_.size(pickle);
    check(size <= most_pickle_bytes, "{} is refused: its pickle has {} bytes.", path, size);
    std::vector<std::uint8_t> bytes(size);
    zip_.read(pickle, std::as_writable_bytes(std::span(bytes)));
    Leaves leaves;
    const PickleTree tree = read_pickle(bytes, path);
    Flattening(path, leaves).visit(*tree.root, "", 0);
    scalars_ = std::move(leaves.scalars);
    std::vector<FileTensor> tensors;
    for (auto& [name, tensor] : leaves.tensors) {
      tensors.push_back({name, tensor.storage.element, tensor.shape});
      stored_[name] = std::move(tensor);
    }
    set_tensors(std::move(tensors), static_cast<std::uint64_t>(open_regular_file(path).size()));
  }

  const char* format() const override { return "torch archive"; }

  void read(const FileTensor& tensor, std::span<std::byte> out) override {
    const auto& [storage, offset, shape, strides] = stored_.at(tensor.name);
    check(offset == 0 && tensor.bytes() == storage_bytes(storage) && row_major(shape, strides),
          "{} in {} is a view of a part of a storage, or not stored row by row; save a contiguous "
          "copy of it.",
          tensor.name, path());
    const std::string entry = prefix_ + "data/" + storage.key;
    const auto size = zip_.size(entry);
    check(size == tensor.bytes(), "{} in {} is {}, but its entry {} has {} bytes.", tensor.name,
          path(), describe(tensor), entry, size);
    zip_.read(entry, out);
  }

  std::uint64_t fingerprint() override { return zip_.fingerprint(); }

 private:
  static std::uint64_t storage_bytes(const PickleStorage& storage) {
    std::uint64_t bytes = 0;
    const bool fits =
        storage.numel >= 0 && !__builtin_mul_overflow(static_cast<std::uint64_t>(storage.numel),
                                                      size_of(storage.element), &bytes);
    return fits ? bytes : 0;
  }
  static bool row_major(const std::vector<std::int64_t>& shape,
                        const std::vector<std::int64_t>& strides) {
    if (shape.size() != strides.size()) return false;
    std::int64_t stride = 1;
    for (std::size_t i = shape.size(); i-- > 0;) {
      if (shape[i] != 1 && strides[i] != stride) return false;
      stride *= shape[i];
    }
    return true;
  }
  void check_byte_order() {
    const std::string name = prefix_ + "byteorder";
    if (!zip_.has(name)) return;
    std::string order(std::min<std::uint64_t>(zip_.size(name), 16), '\0');
    zip_.read(name, std::as_writable_bytes(std::span(order)));
    check(order == "little", "{} holds numbers in the byte order \"{}\", not little endian.",
          path(), order);
  }

  ZipReader zip_;
  std::string prefix_;
  std::map<std::string, PickleTensor> stored_;
};

}  // namespace

std::unique_ptr<WeightFile> open_torch_archive(const std::string& path) {
  return std::make_unique<TorchArchive>(path);
}

}  // namespace ijepa
