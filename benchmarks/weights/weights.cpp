// bench_weights FILE: how long programs take to read an encoder from a weight file in place of a
// checkpoint, and the most memory that it needs beside the weights that it keeps.
#include <fmt/core.h>
#include <sys/resource.h>

#include <chrono>
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "ijepa/tasks/network/pretrained_encoder.hpp"

namespace ijepa {
namespace {

void run(const std::string& file, EncoderChoice choice, int threads) {
  const auto comm = local_communicator();
  const auto start = std::chrono::steady_clock::now();
  FrozenEncoder encoder(file, choice, threads, *comm, Log(1));
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  const auto bytes =
      encoder.encoder().layout().count("encoder") * static_cast<std::int64_t>(sizeof(float));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("bytes,seconds,peak_mib\n{},{:.3f},{}\n", bytes, spent.count(),
             usage.ru_maxrss / 1024);
}

}  // namespace
}  // namespace ijepa

int main(int argc, char** argv) {
  CLI::App app("Time and memory of reading an encoder from a weight file.");
  std::string file, encoder = "target";
  int threads = 0;
  app.add_option("file", file, "Torch archive or safetensors file")->required();
  app.add_option("--encoder", encoder, "Which one")->check(CLI::IsMember({"target", "context"}));
  app.add_option("--threads", threads, "Of the network; reading takes all cores");
  CLI11_PARSE(app, argc, argv);
  try {
    ijepa::run(file,
               encoder == "target" ? ijepa::EncoderChoice::target : ijepa::EncoderChoice::context,
               threads);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bench_weights: " << error.what() << '\n';
    return 1;
  }
}
