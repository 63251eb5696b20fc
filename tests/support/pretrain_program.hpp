// PretrainProgram: ijepa-pretrain as a person starts it, on a tiny recipe in a temporary folder.
#pragma once
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "tests/support/job.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"

namespace ijepa::test {

using Words = std::vector<std::string>;

inline Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_text(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class PretrainProgram : public testing::Test {
 protected:
  PretrainProgram() {
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    ::setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
    ::setenv("OMP_NUM_THREADS", "1", 1);
    write_tiny_shard(path("shards"), tiny_images);
    write_config(tiny_recipe(path("shards").string(), path("run").string()));
  }

  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
  void write_config(PretrainRecipe recipe) const {
    resolve(recipe);
    write_text(path("config.toml"), recipe_text(recipe));
  }

  /// The program with "section.key=value" settings, on no launcher.
  Words command(const Words& settings = {}) const {
    Words words{IJEPA_PRETRAIN, path("config.toml").string()};
    for (const auto& setting : settings) words = words + Words{"--set", setting};
    return words;
  }
  static Words on_ranks(int n, const Words& command) {
    return Words{IJEPA_MPIEXEC, "-n", std::to_string(n)} + command;
  }
  static std::string steps(int n) { return "optim.max_steps=" + std::to_string(n); }
  std::string run_dir(const std::string& name) const { return "run.dir=" + path(name).string(); }

  /// The process of a rank of a running job; 0 where there is none.
  static pid_t process_of_rank(const Job& job, int rank) {
    const std::string variable = std::string(1, '\0') +
                                 "OMPI_COMM_WORLD_RANK=" + std::to_string(rank) +
                                 std::string(1, '\0');
    for (const pid_t pid : job.children()) {
      const std::string folder = "/proc/" + std::to_string(pid);
      if (read_text(folder + "/comm") == "ijepa-pretrain\n" &&
          read_text(folder + "/environ").find(variable) != std::string::npos)
        return pid;
    }
    return 0;
  }

  /// The program ends by itself with 1 and says this, once.
  static void expect_refusal(const Words& command, const std::string& message) {
    const Ended ended = run(command);
    EXPECT_EQ(ended.code, 1) << ended.output;
    EXPECT_FALSE(ended.hung) << ended.output;
    const auto at = ended.output.find(message);
    EXPECT_NE(at, std::string::npos) << "no \"" << message << "\" in\n" << ended.output;
    EXPECT_EQ(ended.output.find(message, at + 1), std::string::npos) << "twice:\n" << ended.output;
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace ijepa::test
