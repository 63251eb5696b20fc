// ijepa-synth: labelled synthetic images whose classes are not told apart by colour.
#include <CLI/CLI.hpp>
#include <opencv2/core/utility.hpp>
#include <thread>

#include "data_tools/synthesis/synth.hpp"
#include "data_tools/synthesis/synth_write.hpp"
#include "ijepa/cli/numbers.hpp"
#include "ijepa/cli/program.hpp"
#include "ijepa/core/error.hpp"

namespace {

using ijepa::synth::Encoding;
using ijepa::synth::Kind;
using ijepa::synth::Layout;

ijepa::ProgramWords words() {
  return {.name = "ijepa-synth",
          .examples = {{"Five thousand images of ten materials", "ijepa-synth --out images"},
                       {"A few small ones, to try a program",
                        "ijepa-synth --out images --classes 3 --train 30 --test 12 --size 32"}},
          .pages = {"docs/recipes.md"}};
}

}  // namespace

int main(int argc, char** argv) {
  ijepa::synth::WriteOptions options;
  options.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  int classes = 10, size = 64;
  std::uint64_t seed = 0;
  std::string kind = "materials", layout = "folder", encoding = "jpeg";
  CLI::App app{
      "Makes labelled images whose classes need material or shape, not colour, to be told apart."};
  app.option_defaults()->always_capture_default();
  app.add_option("--out", options.out, "Folder to make: train/CLASS/*, test/CLASS/*")
      ->required()
      ->type_name("FOLDER");
  app.add_option(
         "--kind", kind,
         "materials: patterns that fill the image, learned in minutes; shapes: one shape at "
         "any place in any texture, which are not")
      ->check(CLI::IsMember({"materials", "shapes"}));
  ijepa::add_number(app, "--classes", classes, ijepa::between(2, 1000),
                    "Number of materials or shapes");
  ijepa::add_number(app, "--train", options.train, ijepa::between(0, 1e9),
                    "Training images, all classes together");
  ijepa::add_number(app, "--test", options.test, ijepa::between(0, 1e9),
                    "Test images, all classes together");
  ijepa::add_number(app, "--size", size, ijepa::between(16, 1024), "Height and width in pixels");
  ijepa::add_number(app, "--seed", seed, ijepa::at_least(0), "Images are a pure function of it");
  app.add_option("--format", layout, "An ImageFolder, or one tar of it: OUT/images.tar")
      ->check(CLI::IsMember({"folder", "tar"}));
  app.add_option("--encoding", encoding, "How each image is stored")
      ->check(CLI::IsMember({"jpeg", "png"}));
  ijepa::add_number(app, "--threads", options.threads, ijepa::between(1, 1024),
                    "Threads that draw");
  return ijepa::run_program(app, words(), argc, argv, [&] {
    options.layout = layout == "tar" ? Layout::tar : Layout::folder;
    options.encoding = encoding == "png" ? Encoding::png : Encoding::jpeg;
    cv::setNumThreads(1);  // the threads are ours; images are too small to split
    ijepa::synth::write_images(
        {kind == "shapes" ? Kind::shapes : Kind::materials, classes, size, seed}, options);
    fmt::print("{}: {} training and {} test images, {} classes, {} x {} pixels.\n",
               options.out.string(), options.train, options.test, classes, size, size);
    std::fflush(stdout);
    ijepa::say_next(
        ijepa::Log(),
        {{"Pack them", fmt::format("ijepa-shards {} --out shards", options.out.string())}});
    return 0;
  });
}
