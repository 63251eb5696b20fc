#include "ijepa/tasks/network/task_precision.hpp"

namespace ijepa {
namespace {

constexpr auto bfloat16_mark = " bfloat16";

}  // namespace

Precision choose_precision(TaskPrecision asked, const ComputeSettings& compute, Communicator& comm,
                           const Log& log, const ProductRate& rate) {
  if (asked == TaskPrecision::float32) return Precision::float32();
  if (asked == TaskPrecision::bfloat16) return Precision::bfloat16();
  const auto chosen = chosen_on_rank_0(comm, [&] { return precision_of_machine(compute, rate); });
  log.info("--precision auto is {} here: {}.", name_of(chosen.type), chosen.reason);
  return chosen.type == DType::bf16 ? Precision::bfloat16() : Precision::float32();
}

std::string with_precision(std::string identity, const Precision& precision) {
  if (precision.compute == DType::bf16) identity += bfloat16_mark;
  return identity;
}

TaskPrecision precision_of_identity(const std::string& identity) {
  return identity.ends_with(bfloat16_mark) ? TaskPrecision::bfloat16 : TaskPrecision::float32;
}

}  // namespace ijepa
