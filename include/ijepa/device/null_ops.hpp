// NullOps: does nothing. The code of a step runs on it to learn what memory the step needs.
#pragma once
#include "ijepa/device/ops.hpp"

namespace ijepa {

class NullOps final : public Ops {
 public:
  void synchronize() override {}

 private:
  void perform(const Operation&) override {}
};

}  // namespace ijepa
