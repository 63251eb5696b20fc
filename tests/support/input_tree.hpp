// InputTree: files of a made-up data set, written as a folder or as an archive.
#pragma once
#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ijepa/core/error.hpp"
#include "tests/support/pictures.hpp"

namespace ijepa::test {

using InputTree = std::map<std::string, Bytes>;  // by path, in byte order

/// A JPEG of `side` pixels whose content depends on the seed.
inline Bytes small_jpeg(std::uint64_t seed, int side = 16) {
  return encode_jpeg(draw_picture(side, side, seed));
}

/// `per_class` images in each class folder below `prefix`.
inline InputTree class_tree(const std::vector<std::string>& classes, int per_class,
                            const std::string& prefix = "") {
  InputTree tree;
  std::uint64_t seed = prefix.size() * 1000;
  for (const auto& name : classes)
    for (int i = 0; i < per_class; ++i)
      tree[prefix + name + "/" + std::to_string(100 + i) + ".jpg"] = small_jpeg(++seed);
  return tree;
}

inline void write_bytes(const std::filesystem::path& path, const Bytes& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

inline Bytes read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_folder(const InputTree& tree, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  for (const auto& [path, bytes] : tree) write_bytes(folder / path, bytes);
}

/// A tar, compressed as the ending of `path` says.
inline void write_tar(const InputTree& tree, const std::filesystem::path& path) {
  const std::unique_ptr<archive, decltype(&archive_write_free)> out(archive_write_new(),
                                                                    archive_write_free);
  const std::map<std::string, int (*)(archive*)> filters{{".gz", archive_write_add_filter_gzip},
                                                         {".bz2", archive_write_add_filter_bzip2},
                                                         {".xz", archive_write_add_filter_xz},
                                                         {".zst", archive_write_add_filter_zstd}};
  if (const auto filter = filters.find(path.extension().string()); filter != filters.end())
    check(filter->second(out.get()) == ARCHIVE_OK, "no filter for {}", path.string());
  archive_write_set_format_gnutar(out.get());
  check(archive_write_open_filename(out.get(), path.c_str()) == ARCHIVE_OK, "no archive");
  for (const auto& [name, bytes] : tree) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                              archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    check(archive_write_header(out.get(), entry.get()) == ARCHIVE_OK, "no header for {}", name);
    archive_write_data(out.get(), bytes.data(), bytes.size());
  }
  check(archive_write_close(out.get()) == ARCHIVE_OK, "archive not finished");
}

/// The tree with each class folder replaced by a tar of it: "cat/1.jpg" in "cat.tar".
inline InputTree class_tars(const InputTree& tree, const std::filesystem::path& scratch) {
  std::map<std::string, InputTree> classes;
  for (const auto& [path, bytes] : tree) {
    const auto slash = path.rfind('/');
    classes[path.substr(0, slash)][path.substr(slash + 1)] = bytes;
  }
  InputTree tars;
  for (const auto& [name, content] : classes) {
    write_tar(content, scratch / "inner.tar");
    tars[name + ".tar"] = read_bytes(scratch / "inner.tar");
  }
  std::filesystem::remove(scratch / "inner.tar");
  return tars;
}

}  // namespace ijepa::test
