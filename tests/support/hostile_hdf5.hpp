// HDF5 files that no writer of ours makes: attributes and datasets of other types and shapes.
#pragma once
#include <hdf5.h>

#include <string>
#include <vector>

namespace ijepa::test {

class HostileHdf5 {
 public:
  /// An open file, whose attributes and datasets are replaced.
  explicit HostileHdf5(const std::string& path)
      : file_(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT)) {}
  ~HostileHdf5() { H5Fclose(file_); }
  HostileHdf5(const HostileHdf5&) = delete;
  HostileHdf5& operator=(const HostileHdf5&) = delete;

  /// So many zeros; of texts 4 bytes each.
  void attribute(const char* name, hid_t type, const std::vector<hsize_t>& shape) const {
    H5Adelete(file_, name);
    const hid_t space = space_of(shape);
    H5Aclose(H5Acreate2(file_, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
  }
  /// Zeros that take no place in the file where `packed`, else that are in it.
  void dataset(const char* name, hid_t type, const std::vector<hsize_t>& shape, bool packed = false,
               const char* elsewhere = nullptr) const {
    H5Ldelete(file_, name, H5P_DEFAULT);
    const hid_t space = space_of(shape), creation = H5Pcreate(H5P_DATASET_CREATE);
    const std::vector<hsize_t> piece(shape.size(), 1);
    if (packed) H5Pset_chunk(creation, static_cast<int>(piece.size()), piece.data());
    if (elsewhere != nullptr) H5Pset_external(creation, elsewhere, 0, H5F_UNLIMITED);
    if (!packed && elsewhere == nullptr) H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    H5Dclose(H5Dcreate2(file_, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    H5Sclose(space);
  }
  void link(const char* name, const std::string& file) const {
    H5Ldelete(file_, name, H5P_DEFAULT);
    H5Lcreate_external(file.c_str(), name, file_, name, H5P_DEFAULT, H5P_DEFAULT);
  }

 private:
  static hid_t space_of(const std::vector<hsize_t>& shape) {
    return shape.empty() ? H5Screate(H5S_SCALAR)
                         : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
  }

  hid_t file_;
};

}  // namespace ijepa::test
