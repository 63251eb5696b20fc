#include "ijepa/data/shards/shard_set.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "ijepa/core/error.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa {
namespace fs = std::filesystem;
namespace {

/// Not ".shard_*.h5.Ab12Cd" and "._shard_*.h5", which copying leaves beside shards.
bool is_shard_path(const fs::path& path) {
  return path.extension() == ".h5" && !is_hidden_name(path.filename().string());
}

/// The shard files of a folder in name order; an Error that says what is there instead if none.
std::vector<std::string> shard_paths_in(const std::string& directory) {
  std::vector<std::string> paths, nested;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (is_shard_path(entry.path())) paths.push_back(entry.path().string());
    if (entry.is_directory() && holds_shards(entry.path().string()))
      nested.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  std::sort(nested.begin(), nested.end());
  if (paths.empty() && !nested.empty())
    fail("{} holds no shards itself; name one of the shard sets in it, such as {}.", directory,
         nested.front());
  check(!paths.empty(), "{} holds no shards (*.h5); make some with ijepa-shards.", directory);
  return paths;
}

/// Error unless the shards are all those of one set.
void check_complete(const std::string& directory, const std::vector<ShardFile>& shards) {
  const ShardFile& first = shards.front();
  std::vector<bool> present(static_cast<std::size_t>(first.num_shards()));
  for (const auto& s : shards) {
    check(s.num_shards() == first.num_shards() && s.set_id() == first.set_id(),
          "{} holds shards of different sets: {} and {}. Keep one set a folder.", directory,
          first.path(), s.path());
    const auto index = static_cast<std::size_t>(s.shard());
    check(!present[index], "{} holds shard {} twice.", directory, index);
    present[index] = true;
  }
  const auto missing = std::find(present.begin(), present.end(), false) - present.begin();
  check(missing == first.num_shards(),
        "{} is incomplete: {} of {} shards are there, {} is missing. Run ijepa-shards again to "
        "finish it.",
        directory, shards.size(), first.num_shards(),
        shard_file_name(static_cast<int>(missing), first.num_shards()));
}

}  // namespace

bool holds_shards(const std::string& folder) {
  std::error_code error;
  const fs::directory_iterator files(folder, error);
  return !error && std::any_of(begin(files), end(files), [](const auto& file) {
    return is_shard_path(file.path()) && file.path().filename().string().starts_with("shard_");
  });
}

/// At most `limit` open shard files, shared by all threads: 1,300 shards would exceed the usual
/// limit of 1,024 descriptors. A file in use by a reader stays open until the reader is done.
class ShardSet::Descriptors {
 public:
  explicit Descriptors(std::size_t shards) : slots_(shards), limit_(half_of_system_limit()) {}

  std::shared_ptr<const File> get(std::size_t shard, const std::string& path) {
    const std::lock_guard lock(mutex_);
    auto& slot = slots_[shard];
    if (slot == nullptr) {
      if (open_.size() >= limit_) {
        slots_[open_[oldest_]].reset();
        open_[oldest_] = shard;
        oldest_ = (oldest_ + 1) % limit_;
      } else {
        open_.push_back(shard);
      }
      slot = std::make_shared<const File>(path, File::Mode::read);
    }
    return slot;
  }

 private:
  static std::size_t half_of_system_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return std::max<std::size_t>(limit.rlim_cur / 2, 8);
  }

  std::mutex mutex_;
  std::vector<std::shared_ptr<const File>> slots_;
  std::vector<std::size_t> open_;  // shards with a slot filled, a ring once full
  std::size_t oldest_ = 0, limit_;
};

ShardSet::~ShardSet() = default;
ShardSet::ShardSet(ShardSet&&) noexcept = default;
ShardSet& ShardSet::operator=(ShardSet&&) noexcept = default;

ShardSet ShardSet::open(const std::string& directory_or_file) {
  check(fs::exists(directory_or_file), "There is no shard set at {}.", directory_or_file);
  std::vector<ShardFile> shards;
  if (!fs::is_directory(directory_or_file)) {
    shards.emplace_back(directory_or_file);
    return ShardSet(std::move(shards));
  }
  for (const auto& path : shard_paths_in(directory_or_file)) shards.emplace_back(path);
  check_complete(directory_or_file, shards);
  return ShardSet(std::move(shards));
}

ShardSet::ShardSet(std::vector<ShardFile> shards)
    : shards_(std::move(shards)),
      class_names_(shards_.front().read_class_names()),
      descriptors_(std::make_unique<Descriptors>(shards_.size())) {
  std::vector<std::uint64_t> hashes;
  begins_.push_back(0);
  for (const auto& s : shards_) {
    check(s.class_names_hash() == shards_.front().class_names_hash(),
          "{} and {} have different class names.", shards_.front().path(), s.path());
    begins_.push_back(begins_.back() + s.size());
    hashes.push_back(s.head_hash());
  }
  fingerprint_ = hash_bytes(hashes.data(), hashes.size() * sizeof(std::uint64_t));
}

ShardSet::Place ShardSet::place_of(std::int64_t image) const {
  check(image >= 0 && image < size(), "There is no image {} in a shard set of {}.", image, size());
  // The last shard that begins at or before the image: empty shards in between are passed over.
  const auto after = std::upper_bound(begins_.begin(), begins_.end(), image);
  const auto shard = static_cast<std::size_t>(after - begins_.begin() - 1);
  return {&shards_[shard], static_cast<int>(shard), image - begins_[shard]};
}

int ShardSet::label(std::int64_t image) const {
  const Place p = place_of(image);
  return p.file->label(p.row);
}

std::string ShardSet::key(std::int64_t image) const {
  const Place p = place_of(image);
  return std::string(p.file->key(p.row));
}

ShardSet::Extent ShardSet::extent(std::int64_t image) const {
  const Place p = place_of(image);
  return {p.shard, p.file->image_offset(p.row),
          static_cast<std::int64_t>(p.file->image_bytes(p.row))};
}

std::string ShardSet::where(std::int64_t image) const {
  try {
    return fmt::format("image {} ({}) of {}", image, key(image), shard_path(place_of(image).shard));
  } catch (const Error&) {  // its table entry is what is damaged
    return fmt::format("image {}", image);
  }
}

void ShardSet::read_unchecked(std::int64_t image, std::vector<std::uint8_t>& encoded) const {
  const Extent e = extent(image);
  encoded.resize(static_cast<std::size_t>(e.bytes));
  const auto file = descriptors_->get(static_cast<std::size_t>(e.shard), shard_path(e.shard));
  file->read(e.offset, encoded.data(), encoded.size());
}

void ShardSet::read(std::int64_t image, std::vector<std::uint8_t>& encoded) const {
  read_unchecked(image, encoded);
  check(checksum_matches(image, encoded), "Its bytes have changed (wrong checksum).");
}

bool ShardSet::checksum_matches(std::int64_t image, std::span<const std::uint8_t> encoded) const {
  const Place p = place_of(image);
  return p.file->checksum(p.row) ==
         image_checksum(encoded, p.file->key(p.row), p.file->label(p.row));
}

}  // namespace ijepa
