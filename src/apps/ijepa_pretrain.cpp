// ijepa-pretrain: pretrains a vision transformer by I-JEPA, alone or on the ranks of mpirun or
// srun.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/session.hpp"
#include "ijepa/tasks/network/start_from.hpp"
#include "ijepa/tasks/probing/online_evaluation.hpp"
#include "ijepa/train/fit/dry_run.hpp"
#include "ijepa/train/fit/precision_choice.hpp"
#include "ijepa/train/fit/replay.hpp"
#include "ijepa/train/fit/suggest.hpp"
#include "ijepa/train/fit/trainer.hpp"
#include "ijepa/train/run/run_start.hpp"
#include "options.hpp"

namespace {

ijepa::ProgramWords words() {
  ijepa::PretrainRecipe recipe;
  return {
      .name = "ijepa-pretrain",
      .examples =
          {{"A configuration for your images, as far as this machine gets in two hours",
            "ijepa-pretrain --suggest shards/train --hours 2 > mine.toml"},
           {"Steps, schedule and memory of a run, without starting it",
            "ijepa-pretrain configs/synthetic.toml --set data.shards=shards/train --dry-run"},
           {"Train on two ranks; the same command goes on after an interruption",
            "mpirun -n 2 ijepa-pretrain configs/synthetic.toml --set data.shards=shards/train"},
           {"Save and end with code 85 after an hour",
            "ijepa-pretrain configs/cifar10_3min.toml --max-seconds 3600"},
           {"Which operation made a number that is none, of a run that ended with code 87",
            "ijepa-pretrain --replay runs/first/non_finite/step_12.replay"},
           {"A new run from published weights",
            "ijepa-pretrain configs/in1k_vith14_ep300.toml --init-from "
            "IN1K-vit.h.14-300e.pth.tar --set run.dir=runs/continued"}},
      .pages = {"docs/configuration.md", "docs/recipes.md", "docs/slurm.md"},
      .statuses = {{ijepa::exit_code::saved, "Stopped and saved: start it again to go on."},
                   {ijepa::exit_code::hung, "Ended by force, because ranks hung: start it again."},
                   {ijepa::exit_code::not_finite, "Loss, gradients or weights are not finite."}},
      .settings = ijepa::field_texts(ijepa::fields_of(recipe))};
}

struct Arguments {
  std::string config;
  std::vector<std::string> settings;
  std::string max_seconds, show, suggest, replay;
  double hours = 1;
  std::int64_t seen = 0;
  ijepa::StartOptions start;
  bool dry_run = false, extend = false;
};

/// For job scripts: one setting, without ranks. Or a configuration for these images.
int answer(const Arguments& arguments) {
  try {
    if (!arguments.suggest.empty()) {
      const auto images = ijepa::look_at_images(arguments.suggest);
      const auto machine = ijepa::look_at_machine();
      const auto suggestion = ijepa::suggest(images, machine, arguments.hours, arguments.seen);
      fmt::print("{}", ijepa::suggestion_text(suggestion, images, machine));
      return 0;
    }
    const auto loaded = ijepa::load_recipe(arguments.config, arguments.settings);
    fmt::print("{}\n", ijepa::setting_text(loaded.recipe, arguments.show));
    return 0;
  } catch (const ijepa::Error& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return 1;
  }
}

/// A step of a run that was not finite, once more.
int repeat_step(const Arguments& arguments, ijepa::Communicator& comm) {
  const auto cluster = ijepa::parse_cluster(ijepa::process_environment());
  const ijepa::Log log(comm.rank());
  const auto replayed = ijepa::replay(arguments.replay, arguments.settings, cluster, comm, log);
  fmt::print("{}\n", replayed.said);
  return replayed.finite ? ijepa::exit_code::finished : ijepa::exit_code::not_finite;
}

int pretrain(const Arguments& arguments, ijepa::Communicator& comm) {
  const auto cluster = ijepa::parse_cluster(ijepa::process_environment());
  const ijepa::StopSignal stop(comm.rank() == 0 ? ijepa::stop_words(cluster) : ijepa::StopWords{});
  const ijepa::Log log(comm.rank());
  ijepa::LoadedRecipe loaded;
  ijepa::on_all_ranks(comm,
                      [&] { loaded = ijepa::load_recipe(arguments.config, arguments.settings); });
  for (const std::string& note : loaded.notes) log.info("note: {}", note);
  ijepa::choose_precision(loaded.recipe, comm, log);
  const auto& recipe = loaded.recipe;
  const auto start = ijepa::start_from(arguments.start, recipe, comm, log);
  if (arguments.dry_run) {
    // Alike on all ranks, so that all end with one code.
    ijepa::on_rank_0(comm, [&] {
      const auto report = ijepa::dry_run_report(recipe, comm.size());
      fmt::print("{}", report.text);
      std::fflush(stdout);
      ijepa::check(report.missing.empty(), "A run could not start: {}", report.missing);
    });
    return ijepa::exit_code::finished;
  }
  comm.activity().set_limits(ijepa::watch_limits(recipe, log));
  try {
    ijepa::Trainer trainer(
        recipe, cluster, comm, stop, log,
        [](auto&... parts) { return std::make_unique<ijepa::OnlineEvaluation>(parts...); }, start);
    if (trainer.run() == ijepa::Outcome::finished) {
      log.info("{}", trainer.summary());
      return ijepa::exit_code::finished;
    }
    log.info("Saved {}; the same command goes on from here (exit code {}{}).",
             ijepa::text_of(trainer.stop_reason()), ijepa::exit_code::saved,
             stop.received() == SIGCONT ? "; mpirun's own is 1" : "");
  } catch (const ijepa::Interrupted& e) {
    log.info("{}", e.what());
  }
  return ijepa::exit_code::saved;
}

void add_suggest_options(CLI::App& app, Arguments& arguments) {
  auto* suggest = app.add_option("--suggest", arguments.suggest,
                                 "print a commented configuration for these shards and this "
                                 "machine, and stop")
                      ->type_name("FOLDER");
  auto* hours = ijepa::add_number(app, "--hours", arguments.hours, ijepa::between(0.0001, 10000),
                                  "of which a suggested run may take about so many")
                    ->needs(suggest)
                    ->capture_default_str();
  ijepa::add_number(app, "--see", arguments.seen, ijepa::between(1, 1e12),
                    "instead of hours: suggest the smallest network, and a run that sees so many "
                    "images, each forty times at most")
      ->needs(suggest)
      ->excludes(hours);
}

void add_replay_option(CLI::App& app, Arguments& arguments) {
  app.add_option("--replay", arguments.replay,
                 "repeat a step that was not finite, RUN/non_finite/step_N.replay, with every "
                 "operation checked, and name the first at fault: code 87, or 0 if all is finite "
                 "here; --set takes settings of [compute], and optim.micro_batch")
      ->type_name("FOLDER");
}

/// Beside --set it stands alone.
void check_replay_alone(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options())
    if (option->count() > 0 && option->get_name() != "--replay" && option->get_name() != "--set")
      throw CLI::ExcludesError(option->get_name(), "--replay");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Pretrains a vision transformer by I-JEPA. Exit codes: 0 finished, 85 stopped and saved (run "
      "again to go on), 86 ended by force because ranks hung (run again), 87 not a number, 1 "
      "another error. docs/slurm.md tells more."};
  Arguments arguments;
  app.add_option("config", arguments.config, "configuration (TOML); docs/configuration.md")
      ->type_name("FILE");
  app.add_option("--set", arguments.settings, "override a setting, e.g. optim.lr=5e-4");
  app.add_option("--max-seconds", arguments.max_seconds,
                 "save and end with code 85 after this time; the same as run.max_seconds")
      ->check(ijepa::number_in(ijepa::up_to(1e9)));
  app.add_flag("--extend", arguments.extend,
               "go on for more epochs than the run was begun with; the same as "
               "run.used_folder=\"extend\"");
  app.add_option("--show", arguments.show, "print one setting, e.g. run.dir, and stop");
  app.add_option(
      "--init-from", arguments.start.from,
      "start a new run from these weights: a run, a checkpoint, or another program's file or "
      "folder; docs/weights.md");
  ijepa::add_choice(app, "--init-parts", arguments.start.parts,
                    {{"held", ijepa::StartParts::held},
                     {"encoder", ijepa::StartParts::encoder},
                     {"both", ijepa::StartParts::both}},
                    "held: the predictor, too, where the weights hold one");
  ijepa::add_choice(
      app, "--init-encoder", arguments.start.encoder,
      {{"own", ijepa::StartEncoder::own},
       {"target", ijepa::StartEncoder::target},
       {"context", ijepa::StartEncoder::context}},
      "own: online encoder from the context encoder, EMA target from the target encoder");
  app.add_flag("--dry-run", arguments.dry_run, "print steps, schedule, memory and FLOPs, and stop");
  add_suggest_options(app, arguments);
  add_replay_option(app, arguments);
  app.callback([&] {
    if (arguments.config.empty() && arguments.suggest.empty() && arguments.replay.empty())
      throw CLI::RequiredError("config");
    if (!arguments.replay.empty()) check_replay_alone(app);
  });
  ijepa::add_program_words(app, words());
  CLI11_PARSE(app, argc, argv);
  if (!arguments.max_seconds.empty())
    arguments.settings.push_back("run.max_seconds=" + arguments.max_seconds);
  if (arguments.extend) arguments.settings.push_back("run.used_folder=extend");
  if (!arguments.show.empty() || !arguments.suggest.empty()) return answer(arguments);
  return ijepa::run_on_ranks(argc, argv, [&](ijepa::Communicator& comm) {
    return arguments.replay.empty() ? pretrain(arguments, comm) : repeat_step(arguments, comm);
  });
}
