// ijepa-pretrain: pretrains a vision transformer by I-JEPA, alone or on the ranks of mpirun or
// srun.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/session.hpp"
#include "ijepa/tasks/online_evaluation.hpp"
#include "ijepa/train/dry_run.hpp"
#include "ijepa/train/trainer.hpp"

namespace {

struct Arguments {
  std::string config;
  std::vector<std::string> settings;
  bool dry_run = false;
};

int pretrain(const Arguments& arguments, ijepa::Communicator& comm) {
  const ijepa::StopSignal stop;
  const ijepa::Log log(comm.rank());
  ijepa::LoadedRecipe loaded;
  ijepa::on_all_ranks(comm,
                      [&] { loaded = ijepa::load_recipe(arguments.config, arguments.settings); });
  const auto& [recipe, notes] = loaded;
  for (const std::string& note : notes) log.info("note: {}", note);
  if (arguments.dry_run) {
    if (comm.rank() == 0) fmt::print("{}", ijepa::dry_run_report(recipe, comm.size()));
    return 0;
  }
  const auto cluster = ijepa::parse_cluster(ijepa::process_environment());
  try {
    ijepa::Trainer trainer(recipe, cluster, comm, stop, log, [](auto&... parts) {
      return std::make_unique<ijepa::OnlineEvaluation>(parts...);
    });
    if (trainer.run() == ijepa::Outcome::finished) return 0;
  } catch (const ijepa::Interrupted& e) {
    log.info("{}", e.what());
    return ijepa::exit_saved;
  }
  log.info("Saved after a signal; the same command goes on from here (exit code {}).",
           ijepa::exit_saved);
  return ijepa::exit_saved;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Pretrains a vision transformer by I-JEPA. Exit codes: 0 finished, 85 saved after a "
      "signal (run again to go on), 1 an error."};
  Arguments arguments;
  app.add_option("config", arguments.config, "configuration (TOML); docs/configuration.md")
      ->required();
  app.add_option("--set", arguments.settings, "override a setting, e.g. optim.lr=5e-4");
  app.add_flag("--dry-run", arguments.dry_run, "print steps, schedule, memory and FLOPs, and stop");
  CLI11_PARSE(app, argc, argv);
  return ijepa::run_on_ranks(argc, argv,
                             [&](ijepa::Communicator& comm) { return pretrain(arguments, comm); });
}
