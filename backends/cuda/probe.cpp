#include "backends/cuda/probe.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "backends/cuda/event_series.h"
#include "core/base/median.h"

namespace dunlin::cuda {
namespace {

constexpr uint64_t kProbeBytes = uint64_t(4) << 30;
constexpr int kPasses = 9;
constexpr uint64_t kUploadBytes = uint64_t(64) << 20;

}  // namespace

Result<double> measure_read_bandwidth(const Context& context, const Kernels& kernels) {
  const Driver& d = context.driver();
  size_t free_bytes = 0, total_bytes = 0;
  DUNLIN_RETURN_IF_ERROR(context.check(d.cuMemGetInfo(&free_bytes, &total_bytes), "asking for free memory"));
  const uint64_t bytes = std::min<uint64_t>(kProbeBytes, free_bytes / 2) / 4096 * 4096;
  DUNLIN_ASSIGN_OR_RETURN(const DeviceBuffer data,
                          DeviceBuffer::allocate(context, bytes, "the bandwidth probe"));
  DUNLIN_ASSIGN_OR_RETURN(const DeviceBuffer sink,
                          DeviceBuffer::allocate(context, 4096, "the bandwidth probe"));
  ProbeParams p{data.as<uint4>(), sink.as<uint32_t>(), int64_t(bytes / 16)};
  const auto grid = Grid{uint32_t(context.limits().n_sm) * 8};
  DUNLIN_RETURN_IF_ERROR(make_launch(kernels.probe_fill, "probe", grid, 256, p).run(context, false));
  const Launch read = make_launch(kernels.probe_read, "probe", grid, 256, p);
  const EventSeries events(d, 2);
  std::vector<double> rates;
  for (int pass = 0; pass < kPasses; ++pass) {
    events.record(0, context.stream());
    DUNLIN_RETURN_IF_ERROR(read.run(context, false));
    events.record(1, context.stream());
    DUNLIN_RETURN_IF_ERROR(context.synchronize("measuring the bandwidth"));
    rates.push_back(double(bytes) / (events.microseconds(0) * 1e3));
  }
  return median(std::move(rates));
}

Result<double> measure_upload_bandwidth(const Context& context) {
  const Driver& d = context.driver();
  DUNLIN_ASSIGN_OR_RETURN(const PinnedBuffer from,
                          PinnedBuffer::allocate(context, kUploadBytes, "the upload probe"));
  DUNLIN_ASSIGN_OR_RETURN(const DeviceBuffer to,
                          DeviceBuffer::allocate(context, kUploadBytes, "the upload probe"));
  std::memset(from.data(), 0x5a, from.size());
  const EventSeries events(d, 2);
  std::vector<double> rates;
  for (int pass = 0; pass < kPasses; ++pass) {
    events.record(0, context.stream());
    DUNLIN_RETURN_IF_ERROR(
        context.check(d.cuMemcpyHtoDAsync(to.address(), from.data(), to.size(), context.stream()),
                      "measuring the upload bandwidth"));
    events.record(1, context.stream());
    DUNLIN_RETURN_IF_ERROR(context.synchronize("measuring the upload bandwidth"));
    rates.push_back(double(to.size()) / (events.microseconds(0) * 1e3));
  }
  return median(std::move(rates));
}

}  // namespace dunlin::cuda
