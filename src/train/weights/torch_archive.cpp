#include "torch_archive.hpp"

#include <algorithm>
#include <cstring>

#include "../checkpoint/checkpoint_disk.hpp"
#include "ijepa/core/error.hpp"
#include "naming.hpp"
#include "pickle_reader.hpp"
#include "zip_reader.hpp"

namespace ijepa {
namespace {

constexpr std::uint64_t most_pickle_bytes = std::uint64_t{16} << 20;
constexpr std::uint64_t most_description_bytes = 1 << 16;
constexpr int deepest = 16;
constexpr std::size_t most_leaves = 1'000'000;
constexpr std::size_t most_text_bytes = std::size_t{256} << 20;  // of names and texts together

/// The values of a pickle's tree by their joined names.
struct Leaves {
  std::map<std::string, FileScalar> scalars;
  std::vector<std::pair<std::string, PickleTensor>> tensors;
};

class Flattening {
 public:
  Flattening(const std::string& source, Leaves& leaves) : source_(source), leaves_(leaves) {}

  void visit(const PickleValue& value, const std::string& name, int depth) {
    // A few shared or cyclic containers could otherwise unfold without end, and a long key be part
    // of any number of names.
    text_bytes_ += name.size();
    if (const auto* text = std::get_if<std::string>(&value.v)) text_bytes_ += text->size();
    check(depth <= deepest && ++visited_ <= most_leaves && text_bytes_ <= most_text_bytes,
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
        visit(*value, joined(name, "(key)"), depth + 1);
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
    leaves_.tensors.emplace_back(without_wrappers(name), tensor);
  }
  void add(const PickleGlobal& global, const std::string& name, int) {
    leaves_.scalars[name] = global.name;
  }
  void add(const PickleOpaque& value, const std::string& name, int) {
    leaves_.scalars[name] = value.name;
  }
  void add(const PickleStorage&, const std::string& name, int) {
    leaves_.scalars[name] = std::string("a storage");
  }
  template <class T>
  void add(const T& scalar, const std::string& name, int) {
    leaves_.scalars[name] = scalar;
  }

  const std::string& source_;
  Leaves& leaves_;
  std::size_t visited_ = 0, text_bytes_ = 0;
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
    take_tensors(std::move(leaves.tensors));
  }

  const char* format() const override { return "torch archive"; }

  void read(const FileTensor& tensor, std::span<std::byte> out) override {
    if (out.empty()) return;  // such a tensor's place is never checked
    const PickleTensor& stored = stored_.at(tensor.name);
    const std::string entry = prefix_ + "data/" + stored.storage.key;
    const auto size = zip_.size(entry), all = storage_bytes(stored.storage);
    check(size == all, "{} in {} is {}, but its entry {} has {} bytes instead of {}.", tensor.name,
          path(), describe(tensor), entry, size, all);
    if (all == out.size() && stored.offset == 0 && row_major(stored)) return zip_.read(entry, out);
    const auto bytes = size_of(stored.element);
    const auto first = static_cast<std::uint64_t>(stored.offset) * bytes;
    if (row_major(stored)) return zip_.read_part(entry, first, out);
    std::vector<std::byte> part(span_of(tensor.name, stored) * bytes);
    zip_.read_part(entry, first, part);
    gather(stored, part, out);
  }

  std::string description() override {
    const std::string entry = prefix_ + description_entry;
    if (!zip_.has(entry) || zip_.size(entry) > most_description_bytes) return {};
    std::string text(zip_.size(entry), '\0');
    zip_.read(entry, std::as_writable_bytes(std::span(text)));
    return text;
  }

  /// Without checksums, of all bytes.
  std::uint64_t fingerprint() override {
    return zip_.has_checksums() ? zip_.fingerprint() : hash_file(path()).xxh3;
  }

 private:
  static std::uint64_t storage_bytes(const PickleStorage& storage) {
    std::uint64_t bytes = 0;
    const auto each = storage.element ? size_of(*storage.element) : 1;
    const bool fits =
        storage.numel >= 0 &&
        !__builtin_mul_overflow(static_cast<std::uint64_t>(storage.numel), each, &bytes);
    return fits ? bytes : 0;
  }
  static bool row_major(const PickleTensor& tensor) {
    std::int64_t stride = 1;
    for (std::size_t i = tensor.shape.size(); i-- > 0;) {
      if (tensor.shape[i] != 1 && tensor.strides[i] != stride) return false;
      stride *= tensor.shape[i];
    }
    return true;
  }
  /// Elements from a tensor's first to its last in the storage. An Error when it would reach beyond
  /// that, or show some of it more than once.
  std::uint64_t span_of(const std::string& name, const PickleTensor& tensor) const {
    bool fits = tensor.offset >= 0 && tensor.strides.size() == tensor.shape.size();
    std::int64_t last = 0, count = 1;
    for (std::size_t i = 0; fits && i < tensor.shape.size(); ++i) {
      std::int64_t way = 0;
      fits = tensor.shape[i] > 0 && tensor.strides[i] >= 0 &&
             !__builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &way) &&
             !__builtin_add_overflow(last, way, &last) &&
             !__builtin_mul_overflow(count, tensor.shape[i], &count);
    }
    const auto held = storage_bytes(tensor.storage) / size_of(tensor.element);
    std::int64_t end = 0;
    fits = fits && !__builtin_add_overflow(tensor.offset, last, &end) &&
           static_cast<std::uint64_t>(end) < held && count - 1 <= last;
    check(fits, "{} in {} is refused: it is a view beyond its storage, or one that repeats it.",
          name, path());
    return static_cast<std::uint64_t>(last) + 1;
  }
  /// A view's elements in row-major order.
  static void gather(const PickleTensor& tensor, std::span<const std::byte> part,
                     std::span<std::byte> out) {
    const auto bytes = size_of(tensor.element);
    std::vector<std::int64_t> at(tensor.shape.size(), 0);
    std::int64_t from = 0;
    for (std::size_t to = 0; to < out.size(); to += bytes) {
      std::memcpy(out.data() + to, part.data() + static_cast<std::size_t>(from) * bytes, bytes);
      for (std::size_t d = at.size(); d-- > 0;) {
        from += tensor.strides[d];
        if (++at[d] < tensor.shape[d]) break;
        from -= tensor.strides[d] * tensor.shape[d];
        at[d] = 0;
      }
    }
  }
  /// Tensors may share storages, so it is those that the file must have room for.
  void take_tensors(std::vector<std::pair<std::string, PickleTensor>> found) {
    const auto file_bytes = static_cast<std::uint64_t>(open_regular_file(path()).size());
    std::map<std::string, std::uint64_t> storages;
    std::vector<FileTensor> tensors;
    for (auto& [name, tensor] : found) {
      storages[tensor.storage.key] = storage_bytes(tensor.storage);
      tensors.push_back({name, tensor.element, tensor.shape});
      stored_[name] = std::move(tensor);
    }
    std::uint64_t bytes = 0;
    for (const auto& [key, more] : storages) {
      check(bytes + more >= bytes && bytes + more <= file_bytes,
            "{} is refused: its tensors would have more bytes than the file, {}.", path(),
            file_bytes);
      bytes += more;
    }
    set_tensors(std::move(tensors), file_bytes);
    for (const auto& tensor : this->tensors())
      if (tensor.bytes() > 0) span_of(tensor.name, stored_.at(tensor.name));
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
