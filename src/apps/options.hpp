// Command-line options that several programs have.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ijepa/tasks/frozen_encoder.hpp"

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
  app.add_option("--run", run, help);
  app.add_option(
      "--checkpoint", checkpoint,
      "or one checkpoint's folder, or another program's weights (.pth.tar, .safetensors)");
}

inline void add_encoder_option(CLI::App& app, EncoderChoice& encoder,
                               const std::string& help = "which of the two") {
  add_choice(app, "--encoder", encoder,
             {{"target", EncoderChoice::target}, {"context", EncoderChoice::context}}, help);
}

}  // namespace ijepa
