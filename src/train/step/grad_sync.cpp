#include "ijepa/train/step/grad_sync.hpp"

#include <algorithm>

#include "ijepa/core/clock.hpp"

namespace ijepa {
namespace {

std::vector<std::int64_t> bucket_starts(Tensor gradient, const GradSyncOptions& options) {
  const auto element = static_cast<std::int64_t>(size_of(gradient.dtype));
  check(options.bucket_bytes >= element && options.first_bucket_bytes >= element,
        "Gradient buckets of {} and {} bytes hold no element.", options.first_bucket_bytes,
        options.bucket_bytes);
  std::vector<std::int64_t> starts;
  std::int64_t size = options.first_bucket_bytes / element;
  for (std::int64_t end = gradient.numel(); end > 0; end = starts.back()) {
    starts.push_back(std::max<std::int64_t>(0, end - size));
    size = options.bucket_bytes / element;
  }
  return starts;
}

}  // namespace

GradSync::GradSync(BucketReducer& reducer, Tensor gradient, const GradSyncOptions& options)
    : reducer_(reducer),
      gradient_(gradient),
      starts_(bucket_starts(gradient, options)),
      ready_(gradient.numel()) {
  check(gradient.rank == 1 && (gradient.dtype == DType::f32 || gradient.dtype == DType::f64),
        "The flat gradient must be float32 or float64 (n), not {}.", describe(gradient));
}

void GradSync::ready_down_to(std::int64_t offset) {
  check(offset >= 0 && offset <= ready_,
        "The ready offset of the gradient went from {} to {}: it must fall to 0.", ready_, offset);
  ready_ = offset;
  for (; sent_ < starts_.size() && starts_[sent_] >= offset; ++sent_) {
    const std::int64_t begin = starts_[sent_];
    const std::int64_t end = sent_ == 0 ? gradient_.numel() : starts_[sent_ - 1];
    auto* data = static_cast<std::byte*>(gradient_.data) +
                 static_cast<std::size_t>(begin) * size_of(gradient_.dtype);
    reducer_.sum_async(make_tensor(data, gradient_.dtype, {end - begin}));
  }
}

void GradSync::finish() {
  ready_down_to(0);
  const auto start = Clock::now();
  reducer_.join();
  exposed_seconds_ = seconds_since(start);
  sent_ = 0;
  ready_ = gradient_.numel();
}

}  // namespace ijepa
