// The command line of ijepa-inspect and what it does.
#pragma once
#include <CLI/App.hpp>
#include <cstdint>
#include <string>

namespace ijepa::tools {

struct InspectOptions {
  std::string path;  // of a shard set, several of them, one shard, a checkpoint or a run
  bool verify = false, list = false;
  std::int64_t extract = -1;  // index of an image, -1: none
  std::string out;            // where the extracted image goes
  std::string contact_sheet;  // a PNG to write
  int threads = 1;
};

void add_inspect_options(CLI::App& app, InspectOptions& options);

/// Prints to standard output; returns the exit status: 1 if damage was found. Error: not readable.
int inspect(const InspectOptions& options);

}  // namespace ijepa::tools
