// A tar, zip or 7z of images: counted as packing does, then every file read, with labels beside
// them.
#include "data_tools/layout/label_twins.hpp"
#include "data_tools/packing/plan.hpp"
#include "tests/fuzz/fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ijepa;
  using namespace ijepa::tools;
  PackOptions options;
  options.input = fuzz::write_input("images.tar", fuzz::Bytes(data, size));
  fuzz::accept_errors([&] {
    const auto plan = Plan::count(options, [](const SourceEntry&) {});
    static_cast<void>(Plan::from_json(plan.to_json()));
  });
  fuzz::accept_errors([&] {
    TwinSource source(open_source(options.input));
    for (SourceEntry entry; source.next(entry);) static_cast<void>(source.fetch());
  });
  return 0;
}
