// Command-line options that several programs have.
#pragma once
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ijepa/cli/numbers.hpp"
#include "ijepa/cli/program.hpp"
#include "ijepa/comm/exit_codes.hpp"
#include "ijepa/core/counted.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"

namespace ijepa {

/// One of `names`, which stand for values. What `value` is at this moment is shown as the default.
template <class T>
void add_choice(CLI::App& app, const std::string& flag, T& value,
                const std::vector<std::pair<std::string, T>>& names, const std::string& help) {
  std::vector<std::string> allowed;
  std::string standard;
  for (const auto& [name, meaning] : names) {
    allowed.push_back(name);
    if (meaning == value) standard = name;
  }
  app.add_option_function<std::string>(
         flag,
         [&value, names](const std::string& given) {
           for (const auto& [name, meaning] : names)
             if (name == given) value = meaning;
         },
         help)
      ->check(CLI::IsMember(allowed))
      ->default_str(standard);
}

/// --run and --checkpoint, one of which names the network: find_checkpoint().
inline void add_checkpoint_options(
    CLI::App& app, std::string& run, std::string& checkpoint,
    const std::string& help = "run folder: its newest valid checkpoint is used") {
  app.add_option("--run", run, help)->type_name("FOLDER");
  app.add_option(
         "--checkpoint", checkpoint,
         "or one checkpoint's folder, or another program's weights (.pth.tar, .safetensors)")
      ->type_name("PATH");
}

inline void add_encoder_option(CLI::App& app, EncoderChoice& encoder,
                               const std::string& help = "which of the two") {
  add_choice(app, "--encoder", encoder,
             {{"target", EncoderChoice::target}, {"context", EncoderChoice::context}}, help);
}

/// The same where the network before its training can stand beside them.
inline void add_any_encoder_option(CLI::App& app, EncoderChoice& encoder) {
  add_choice(app, "--encoder", encoder,
             {{"target", EncoderChoice::target},
              {"context", EncoderChoice::context},
              {"untrained", EncoderChoice::untrained}},
             "which of the two, or either as it was before the first step");
}

inline void add_precision_option(CLI::App& app, TaskPrecision& precision) {
  add_choice(app, "--precision", precision,
             {{"float32", TaskPrecision::float32},
              {"bfloat16", TaskPrecision::bfloat16},
              {"auto", TaskPrecision::automatic}},
             "of the network's products; auto: bfloat16 where this machine multiplies it faster");
}

/// Of a training, which must go on as it began on any machine.
inline void add_trained_precision_option(CLI::App& app, TaskPrecision& precision) {
  add_choice(app, "--precision", precision,
             {{"float32", TaskPrecision::float32}, {"bfloat16", TaskPrecision::bfloat16}},
             "of the products of a frozen encoder");
}

/// 1024 is far over any node: a number with a digit too many must not start as many threads.
inline void add_thread_option(CLI::App& app, int& threads,
                              const std::string& help = "a rank; 0: as the run was configured") {
  add_number(app, "--threads", threads, between(0, 1024), help);
}

inline void add_skip_bad_option(CLI::App& app, bool& skip_bad) {
  app.add_flag("--skip-bad", skip_bad,
               "leave out images that cannot be read: bad_images.csv lists them, the code is 3");
}

/// Beside those of comm/exit_codes.hpp: all was done but for the images that --skip-bad left out.
constexpr int left_out_code = 3;

/// The exit statuses of programs on ranks, and where --skip-bad is an option that of its.
inline std::vector<ExitStatus> rank_statuses(bool skip_bad) {
  std::vector<ExitStatus> statuses{
      {exit_code::hung, "Ended by force, because ranks fell silent: start it again."}};
  if (skip_bad)
    statuses.insert(statuses.begin(),
                    {left_out_code, "Done, but for images that --skip-bad left out."});
  return statuses;
}

/// The same of programs that train.
inline std::vector<ExitStatus> training_statuses() {
  auto statuses = rank_statuses(true);
  statuses.push_back({exit_code::not_finite, "Loss or gradients are not finite."});
  return statuses;
}

/// The exit code, and on rank 0 a sentence about what was left out.
inline int end_of_run(std::int64_t bad_images, const std::string& out, const Communicator& comm) {
  if (bad_images == 0) return exit_code::finished;
  if (comm.rank() == 0)
    fmt::print("{} could not be read and {} left out: {}/bad_images.csv\n",
               counted(bad_images, "image"), bad_images == 1 ? "was" : "were", out);
  return left_out_code;
}

}  // namespace ijepa
