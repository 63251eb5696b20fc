#include "ijepa/comm/communicator.hpp"

namespace ijepa {
namespace {

class LocalCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  Ticket all_reduce_sum_async(Tensor) override { return 0; }
  void wait(Ticket) override {}
  void all_reduce(std::span<double>, Reduction) override {}
  void broadcast(std::span<std::byte>, int) override {}
  std::vector<std::string> gather_all(const std::string& mine) override { return {mine}; }
  void barrier() override {}
};

}  // namespace

std::unique_ptr<Communicator> local_communicator() {
  return std::make_unique<LocalCommunicator>();
}

}  // namespace ijepa
