// ijepa-opcheck: every operation and the golden steps on one device beside the reference, as CSV.
// Each unit may fail, crash or hang without keeping the others from running. Needs no test
// framework, so that it can be taken to a machine that has nothing but a GPU.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>
#include <sstream>

#include "tests/support/apart.hpp"
#include "units.hpp"

namespace ijepa::test {
namespace {

struct Arguments {
  DeviceOptions device;
  std::string golden, only, csv;
  double tolerance = 1;
  unsigned seconds = 60;
  bool list = false;
};

std::vector<Unit> chosen_units(const Arguments& a) {
  std::vector<Unit> units = op_units();
  if (!a.golden.empty())
    for (auto& unit : step_units(a.golden)) units.push_back(std::move(unit));
  std::erase_if(units, [&](const Unit& unit) {
    const std::string name = unit.check + " " + unit.name + " " + unit.precision;
    return name.find(a.only) == std::string::npos ||
           (unit.precision == "float64" && a.device.name != "cpu");
  });
  check(!units.empty(), "No check's name contains \"{}\": see --list.", a.only);
  return units;
}

/// `text` as one field of a CSV file.
std::string quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '"');
  return '"' + text + '"';
}

std::string row(const Unit& unit, const std::string& what, const std::string& error,
                const std::string& bound, bool passed) {
  return fmt::format("{},{},{},{},{},{},{}\n", unit.check, unit.name, unit.precision, quoted(what),
                     error, bound, passed ? "passed" : "FAILED");
}

/// Opens the device in a process of its own: one that has opened a GPU cannot be forked. Its
/// description.
std::string probe(const DeviceOptions& options) {
  Outcome opened;
  run_apart(
      1, 120, [&](std::size_t) { return make_device(options)->describe(); },
      [&](std::size_t, const Outcome& outcome) { opened = outcome; });
  check(opened.done, "{}", opened.text);
  return opened.text;
}

class Check {
 public:
  explicit Check(const Arguments& arguments)
      : arguments_(arguments), units_(chosen_units(arguments)) {}

  int run() {
    if (arguments_.list) {
      for (const auto& u : units_) fmt::print("{} {} {}\n", u.check, u.name, u.precision);
      return 0;
    }
    fmt::print("{}\n", probe(arguments_.device));
    if (!arguments_.csv.empty()) {
      csv_.open(arguments_.csv);
      check(csv_.is_open(), "{} cannot be written.", arguments_.csv);
      csv_ << "check,case,precision,what,error,bound,result\n";
    }
    run_apart(
        units_.size(), arguments_.seconds, [this](std::size_t i) { return rows_of(units_[i]); },
        [this](std::size_t i, const Outcome& outcome) { report(units_[i], outcome); });
    check(arguments_.csv.empty() || csv_.good(), "{} could not be written whole.", arguments_.csv);
    fmt::print("{} checks, {} failed\n", units_.size(), failed_);
    return failed_ == 0 ? 0 : 1;
  }

 private:
  /// In a child: the unit's findings as lines of CSV.
  std::string rows_of(const Unit& unit) {
    if (!device_) device_ = make_device(arguments_.device);
    std::string rows;
    for (Finding f : unit.run(*device_)) {
      f.bound *= arguments_.tolerance;
      rows += row(unit, f.what, fmt::format("{:.4g}", f.error), fmt::format("{:.4g}", f.bound),
                  f.passed());
    }
    return rows;
  }

  void report(const Unit& unit, const Outcome& outcome) {
    const std::string rows = outcome.done ? outcome.text : row(unit, outcome.text, "", "", false);
    if (csv_.is_open()) csv_ << rows << std::flush;
    if (rows.find(",FAILED\n") == std::string::npos) return;
    ++failed_;
    std::istringstream lines(rows);
    for (std::string line; std::getline(lines, line);)
      if (line.ends_with("FAILED")) fmt::print("{}\n", line);
    std::fflush(stdout);
  }

  Arguments arguments_;
  std::vector<Unit> units_;
  std::unique_ptr<Device> device_;
  std::ofstream csv_;
  int failed_ = 0;
};

}  // namespace
}  // namespace ijepa::test

int main(int argc, char** argv) {
  CLI::App app{
      "Compares every operation, and whole training steps, with reference results. Exit codes: 0 "
      "all agree, 1 not all, or an error."};
  ijepa::test::Arguments a;
  app.add_option("--device", a.device.name, "cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--cpu-kernels", a.device.cpu_kernels, "auto, avx2, avx512 or onednn");
  app.add_option("--threads", a.device.threads, "compute threads of the CPU; 0: all cores");
  app.add_option("--golden", a.golden, "folder of golden files; without it operations alone");
  app.add_option("--only", a.only, "checks whose line in --list contains this");
  app.add_option("--csv", a.csv, "write every comparison here");
  app.add_option("--tolerance", a.tolerance, "multiplies every bound")->capture_default_str();
  app.add_option("--seconds", a.seconds, "longest time of one check")->capture_default_str();
  app.add_flag("--list", a.list, "print the checks and stop");
  CLI11_PARSE(app, argc, argv);
  try {
    return ijepa::test::Check(a).run();
  } catch (const std::exception& e) {
    fmt::print(stderr, "ijepa-opcheck: {}\n", e.what());
    return 1;
  }
}
