// The command line of ijepa-weights and what it does.
#pragma once
#include <CLI/App.hpp>
#include <string>

#include "ijepa/train/weights/export.hpp"
#include "ijepa/train/weights/import.hpp"

namespace ijepa::tools {

struct WeightsOptions {
  ImportOptions import;  // also of show
  ExportOptions export_to;
  std::string format = "authors";
  std::vector<double> mean, std;
  std::vector<std::int64_t> image_size;
  bool list = false;
};

void add_weights_options(CLI::App& app, WeightsOptions& options);

/// Runs the chosen subcommand; prints to standard output.
void run_weights(const CLI::App& app, WeightsOptions options);

}  // namespace ijepa::tools
