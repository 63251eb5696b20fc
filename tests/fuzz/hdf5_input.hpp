// An HDF5 file made from the bytes of an input: for each dataset and attribute they say whether it
// is as our writers make it or of another type, shape, layout or place. (The bytes of such a file
// are under checksums of the library's own, so that changing them shows little.)
#pragma once
#include <hdf5.h>

#include <array>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_input.hpp"

namespace ijepa::fuzz {

class Hdf5Input {
 public:
  Hdf5Input(const std::string& path, Bytes& bytes, hsize_t user_block)
      : bytes_(bytes), creation_(H5Pcreate(H5P_FILE_CREATE)) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5Pset_userblock(creation_, user_block);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_file_locking(access, false, true);
    file_ = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation_, access);
    H5Pclose(access);
    count_ = take<std::uint8_t>(bytes_) % 8;
  }
  ~Hdf5Input() {
    H5Fclose(file_);
    H5Pclose(creation_);
  }
  Hdf5Input(const Hdf5Input&) = delete;
  Hdf5Input& operator=(const Hdf5Input&) = delete;

  /// The rows that sound datasets have.
  hsize_t count() const { return count_; }

  void attribute(const char* name, hid_t sound_type, std::uint64_t sound_value) {
    const auto how = take<std::uint8_t>(bytes_);
    const hid_t type = type_of(how, sound_type), space = space_of(how, {});
    const hid_t id = H5Acreate2(file_, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    std::vector<std::uint8_t> values = contents(type, space);
    for (std::size_t i = 0; i < sizeof sound_value && i < values.size(); ++i)
      values[i] = static_cast<std::uint8_t>(values[i] + (sound_value >> (8 * i)));
    if (id >= 0 && !values.empty()) H5Awrite(id, type, values.data());
    if (id >= 0) H5Aclose(id);
    H5Sclose(space);
    H5Tclose(type);
  }
  void text(const char* name, const std::string& sound) {
    const auto how = take<std::uint8_t>(bytes_);
    const hid_t own = text_type(std::max<std::size_t>(sound.size(), 1));
    const hid_t type = type_of(how, own), space = space_of(how, {});
    const hid_t id = H5Acreate2(file_, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    std::vector<std::uint8_t> values = contents(type, space);
    if (how % 16 == 0 && values.size() == sound.size())
      std::copy(sound.begin(), sound.end(), values.begin());
    if (id >= 0 && !values.empty()) H5Awrite(id, type, values.data());
    if (id >= 0) H5Aclose(id);
    H5Sclose(space);
    H5Tclose(type);
    H5Tclose(own);
  }
  void dataset(const char* name, hid_t sound_type, const std::vector<hsize_t>& sound_shape) {
    const auto how = take<std::uint8_t>(bytes_);
    if (how == 0xff) return;  // it is missing
    if (how == 0xfe) {
      H5Lcreate_external("elsewhere.h5", "/x", file_, name, H5P_DEFAULT, H5P_DEFAULT);
      return;
    }
    const hid_t type = type_of(how, sound_type), space = space_of(how, sound_shape);
    const hid_t creation = layout_of(type, space);
    const hid_t id = H5Dcreate2(file_, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    const std::vector<std::uint8_t> values = contents(type, space);
    if (id >= 0 && !values.empty())
      H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    if (id >= 0) H5Dclose(id);
    H5Pclose(creation);
    H5Sclose(space);
    H5Tclose(type);
  }

  static hid_t text_type(std::size_t bytes) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, bytes);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    return type;
  }

 private:
  /// Of the low four bits: 0 is the sound one.
  static hid_t type_of(std::uint8_t how, hid_t sound) {
    switch (how % 16) {
      case 1:
        return H5Tcopy(H5T_STD_U8LE);
      case 2:
        return H5Tcopy(H5T_STD_I64BE);
      case 3:
        return H5Tcopy(H5T_IEEE_F64LE);
      case 4:
        return text_type(5000);
      case 5: {
        const hid_t type = H5Tcopy(H5T_C_S1);
        H5Tset_size(type, H5T_VARIABLE);
        return type;
      }
      case 6: {
        const std::array<hsize_t, 1> size{700};
        return H5Tarray_create2(H5T_STD_U64LE, 1, size.data());
      }
      case 7: {
        const hid_t type = H5Tcreate(H5T_COMPOUND, 24);
        H5Tinsert(type, "a", 8, H5T_STD_U64LE);
        return type;
      }
      case 8:
        return H5Tcreate(H5T_OPAQUE, 9);
      default:
        return H5Tcopy(sound);
    }
  }
  /// Of the high four bits: 0 is the sound one.
  hid_t space_of(std::uint8_t how, const std::vector<hsize_t>& sound) {
    constexpr hsize_t huge = hsize_t{1} << 32;
    std::vector<hsize_t> shape = sound;
    switch (how / 16) {
      case 1:
        shape = {take<std::uint16_t>(bytes_)};
        break;
      case 2:
        shape = {take<std::uint8_t>(bytes_), take<std::uint8_t>(bytes_)};
        break;
      case 3:
        shape = {huge, huge};
        break;
      case 4:
        shape = {huge, huge, 0};
        break;
      case 5:
        shape = {take<std::uint64_t>(bytes_) >> 1};
        break;
      case 6:
        return H5Screate(H5S_NULL);
      case 7:
        shape = {};
        break;
      case 8:
        shape.push_back(60);
        break;
      default:
        break;
    }
    return shape.empty() ? H5Screate(H5S_SCALAR)
                         : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
  }
  /// Contiguous, or, where a contiguous one could not be, in pieces of which none is written.
  hid_t layout_of(hid_t type, hid_t space) {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    const auto how = take<std::uint8_t>(bytes_);
    const std::vector<hsize_t> chunk(
        static_cast<std::size_t>(std::max(1, H5Sget_simple_extent_ndims(space))), 4);
    if (how == 1 || !is_small(type, space))
      H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    else if (how == 2)
      H5Pset_layout(creation, H5D_COMPACT);
    else if (how == 3)
      H5Pset_external(creation, "/etc/hostname", 0, H5F_UNLIMITED);
    else
      H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    return creation;
  }
  /// What the input has left, over and over; nothing where it would be much or needs memory of its
  /// own.
  std::vector<std::uint8_t> contents(hid_t type, hid_t space) {
    if (!is_small(type, space) || H5Tis_variable_str(type) > 0) return {};
    const auto points = static_cast<std::size_t>(H5Sget_simple_extent_npoints(space));
    std::vector<std::uint8_t> values(points * H5Tget_size(type));
    for (auto& v : values) v = take<std::uint8_t>(bytes_);
    return values;
  }

  /// 100 KB at most.
  static bool is_small(hid_t type, hid_t space) {
    const auto points = H5Sget_simple_extent_npoints(space);
    return points >= 0 && static_cast<std::size_t>(points) <= 100'000 / H5Tget_size(type);
  }

  Bytes& bytes_;
  hid_t creation_, file_ = -1;
  hsize_t count_ = 0;
};

}  // namespace ijepa::fuzz
