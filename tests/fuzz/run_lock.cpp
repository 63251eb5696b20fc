// What a run's lock file says of its holder.
#include "src/train/run/lock_record.hpp"
#include "tests/fuzz/fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ijepa;
  const auto record = parse_lock_record(std::string(fuzz::text_of({data, size})));
  if (!record) return 0;
  static_cast<void>(life_of(*record));
  static_cast<void>(describe(*record));
  if (wall_clock_ms() - record->heartbeat_ms + 2 * record->interval_ms < 0) return 0;
  if (!parse_lock_record(to_text(*record))) std::abort();
  return 0;
}
