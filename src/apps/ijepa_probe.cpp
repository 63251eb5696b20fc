// ijepa-probe: k-NN and a linear head on the features of a checkpoint, beside the untrained
// network, raw pixels and a colour histogram.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/session.hpp"
#include "ijepa/tasks/frozen_encoder.hpp"
#include "ijepa/tasks/probe.hpp"

namespace {

int probe(const ijepa::ProbeSettings& settings, std::string out, ijepa::Communicator& comm) {
  const ijepa::Log log(comm.rank());
  const std::filesystem::path checkpoint =
      ijepa::find_checkpoint(settings.run, settings.checkpoint, comm, log);
  const auto report = ijepa::run_probe(settings, checkpoint, comm, log);
  if (out.empty())  // RUN/checkpoints/STEP -> RUN/probe/STEP
    out = checkpoint.parent_path().parent_path() / "probe" / checkpoint.filename();
  ijepa::on_rank_0(comm, [&] {
    fmt::print("{}", ijepa::as_table(report));
    ijepa::write_report(report, out);
    fmt::print("{}/probe.csv and probe.json\n", out);
  });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ijepa::ProbeSettings settings;
  std::string encoder = "target", out;
  CLI::App app{"Judges the features of a checkpoint by k-NN and a linear head."};
  app.option_defaults()->always_capture_default();
  app.add_option("--run", settings.run, "run folder: its newest valid checkpoint is probed");
  app.add_option("--checkpoint", settings.checkpoint, "folder of one checkpoint");
  app.add_option("--train", settings.train, "labelled shards; default: those of the run");
  app.add_option("--test", settings.test, "labelled shards of the same classes")->required();
  app.add_option("--encoder", encoder, "which of the two")
      ->check(CLI::IsMember({"target", "context"}));
  app.add_option("--knn-k", settings.knn.k, "neighbours");
  app.add_option("--knn-temperature", settings.knn.temperature, "votes count exp(cosine / this)");
  app.add_option("--linear-epochs", settings.linear.epochs, "passes of the linear head's training");
  app.add_option("--seed", settings.linear.seed, "of the linear head's order and validation part");
  app.add_option("--threads", settings.threads, "a rank; 0: as the run was configured");
  app.add_option("--out", out, "folder for probe.csv and probe.json; default: RUN/probe/STEP");
  CLI11_PARSE(app, argc, argv);
  settings.encoder =
      encoder == "target" ? ijepa::EncoderChoice::target : ijepa::EncoderChoice::context;
  return ijepa::run_on_ranks(argc, argv,
                             [&](ijepa::Communicator& comm) { return probe(settings, out, comm); });
}
