#include "backends/cuda/staging_ring.h"

#include <algorithm>
#include <mutex>

#include "platforms/topology.h"
#include "platforms/work_split.h"

namespace dunlin::cuda {
namespace {

// One thread copies out of the page cache at a fraction of what the bus takes.
constexpr int kMaxReaders = 16;
constexpr int64_t kLeastBytesOfReader = 128 << 10;

}  // namespace

Result<std::unique_ptr<StagingRing>> StagingRing::create(const Context& context) {
  std::unique_ptr<StagingRing> ring(new StagingRing(context));
  const Driver& d = context.driver();
  DUNLIN_RETURN_IF_ERROR(
      context.check(d.cuStreamCreate(&ring->copies_, CU_STREAM_NON_BLOCKING), "creating a stream"));
  for (Stage& stage : ring->stages_) {
    DUNLIN_ASSIGN_OR_RETURN(stage.host_, PinnedBuffer::allocate(context, kStageBytes, "loading"));
    DUNLIN_ASSIGN_OR_RETURN(stage.device_, DeviceBuffer::allocate(context, kStageBytes, "loading"));
    for (CUevent* event : {&stage.copied_, &stage.used_})
      DUNLIN_RETURN_IF_ERROR(
          context.check(d.cuEventCreate(event, CU_EVENT_DISABLE_TIMING), "creating an event"));
  }
  ThreadTeamOptions team;
  team.n_threads = std::clamp(n_usable_cpus(detect_topology()), 1, kMaxReaders);
  DUNLIN_ASSIGN_OR_RETURN(ring->readers_, ThreadTeam::create(team));
  return ring;
}

StagingRing::~StagingRing() {
  (void)context_.make_current();
  (void)finish();
  for (Stage& stage : stages_)
    for (CUevent event : {stage.copied_, stage.used_})
      if (event != nullptr) (void)context_.driver().cuEventDestroy(event);
  if (copies_ != nullptr) (void)context_.driver().cuStreamDestroy(copies_);
}

Result<StagingRing::Stage*> StagingRing::fill(int64_t n_items, uint64_t item_bytes, const Fill& fill) {
  DUNLIN_CHECK(uint64_t(n_items) * item_bytes <= kStageBytes);
  Stage& stage = stages_[next_];
  next_ = (next_ + 1) % stages_.size();
  if (stage.in_use_) {
    ++context_.counters().n_waits;
    DUNLIN_RETURN_IF_ERROR(
        context_.check(context_.driver().cuEventSynchronize(stage.used_), "uploading weights"));
    stage.in_use_ = false;
  }
  const int64_t granule = std::max<int64_t>(1, kLeastBytesOfReader / int64_t(item_bytes));
  uint8_t* const out = stage.host_.data();
  if (n_items <= granule) {
    DUNLIN_RETURN_IF_ERROR(fill(0, n_items, out));
    return &stage;
  }
  std::mutex mutex;
  Status first_error;
  readers_->run([&](int thread_index, int n_threads) {
    const IndexRange share = static_share(n_items, thread_index, n_threads, granule);
    if (share.empty()) return;
    const Status status = fill(share.begin, share.end, out + uint64_t(share.begin) * item_bytes);
    if (status.is_ok()) return;
    const std::lock_guard lock(mutex);
    if (first_error.is_ok()) first_error = status;
  });
  DUNLIN_RETURN_IF_ERROR(first_error);
  return &stage;
}

Status StagingRing::send(Stage& stage, CUdeviceptr to, uint64_t bytes, std::string_view what) {
  const Driver& d = context_.driver();
  DUNLIN_RETURN_IF_ERROR(context_.check(d.cuMemcpyHtoDAsync(to, stage.host_.data(), bytes, copies_), what));
  DUNLIN_RETURN_IF_ERROR(context_.check(d.cuEventRecord(stage.copied_, copies_), what));
  return context_.check(d.cuStreamWaitEvent(context_.stream(), stage.copied_, 0), what);
}

Status StagingRing::release(Stage& stage) {
  stage.in_use_ = true;
  return context_.check(context_.driver().cuEventRecord(stage.used_, context_.stream()), "uploading weights");
}

Status StagingRing::finish() {
  // The context's stream waits for every copy.
  return context_.synchronize("finishing uploads");
}

}  // namespace dunlin::cuda
