// Where vendor libraries are looked for, tried with a small system library under another name.
#include "ijepa/device/vendor_library.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "ijepa/core/error.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;
constexpr const char* file = "libijepa_vendor_probe.so.7";

/// Environment variables for the length of a test.
class VendorLibraries : public testing::Test {
 protected:
  VendorLibraries() {
    for (const char* name : {"CUDA_HOME", "CUDA_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "PATH"}) {
      const char* value = std::getenv(name);
      before_[name] = value == nullptr ? "" : value;
      ::unsetenv(name);
    }
  }
  ~VendorLibraries() override {
    for (const auto& [name, value] : before_)
      value.empty() ? ::unsetenv(name.c_str()) : ::setenv(name.c_str(), value.c_str(), 1);
  }

  fs::path make(const std::string& name) const {
    const fs::path folder = folder_.path() / name;
    fs::create_directories(folder);
    return folder;
  }
  static void set(const char* name, const fs::path& value) { ::setenv(name, value.c_str(), 1); }
  static bool is_searched(const fs::path& folder) {
    const auto all = vendor_library_folders();
    return std::find(all.begin(), all.end(), folder) != all.end();
  }
  /// One that lies beside the C library.
  static fs::path some_library() {
    Dl_info info{};
    EXPECT_NE(::dladdr(reinterpret_cast<void*>(&::dladdr), &info), 0);
    return fs::canonical(info.dli_fname).parent_path() / "libgcc_s.so.1";
  }
  static std::string error_of() {
    try {
      const VendorLibrary probe(file, "the probe");
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }

 private:
  TemporaryFolder folder_;
  std::map<std::string, std::string> before_;
};

TEST_F(VendorLibraries, IsFoundInTheToolkit) {
  set("CUDA_HOME", make("toolkit"));
  fs::copy_file(some_library(), make("toolkit/lib64") / file);
  EXPECT_EQ(error_of(), "");
}

TEST_F(VendorLibraries, AFunctionThatIsMissingIsNamed) {
  const VendorLibrary c("libc.so.6", "the C library");
  EXPECT_NE(c.find<int (*)(int)>("abs"), nullptr);
  try {
    c.find<int (*)(int)>("no_such_function");
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "libc.so.6 has no function no_such_function: install a newer version of the C "
                 "library.");
  }
}

TEST_F(VendorLibraries, IsLookedForInThePackagesOfPython) {
  const auto installed = make("venv/lib/python3.11/site-packages/nvidia/cublas/lib");
  const auto merged = make("conda/lib/python3.13/site-packages/nvidia/cu13/lib");
  make("conda/lib/python2.7/site-packages/nvidia/cu13/lib");
  set("VIRTUAL_ENV", make("venv"));
  set("CONDA_PREFIX", make("conda"));
  EXPECT_TRUE(is_searched(installed));
  EXPECT_TRUE(is_searched(merged));
  EXPECT_FALSE(is_searched(make("conda/lib/python2.7/site-packages/nvidia/cu13/lib")));
}

TEST_F(VendorLibraries, ThePythonInPathIsFollowedToWhereItIsInstalled) {
  const auto real = make("opt/lib/python3.12/site-packages/nvidia/nccl/lib");
  std::ofstream(make("opt/bin") / "python3.12") << "";
  fs::create_symlink(make("opt/bin") / "python3.12", make("bin") / "python3");
  set("PATH", make("empty").string() + ":" + make("bin").string());
  EXPECT_TRUE(is_searched(fs::canonical(real)));
}

TEST_F(VendorLibraries, AMissingOneIsSaidWithThePlacesSearched) {
  const auto toolkit = make("toolkit/lib64");
  set("CUDA_PATH", make("toolkit"));
  const std::string error = error_of();
  EXPECT_NE(error.find(toolkit.string()), std::string::npos) << error;
  EXPECT_NE(error.find("install the probe"), std::string::npos) << error;
}

TEST_F(VendorLibraries, AFileThatIsNoLibraryIsNamed) {
  set("CUDA_HOME", make("toolkit"));
  std::ofstream(make("toolkit/lib64") / file) << "no library";
  const std::string error = error_of();
  EXPECT_NE(error.find("cannot be opened"), std::string::npos) << error;
}

}  // namespace
}  // namespace ijepa::test
