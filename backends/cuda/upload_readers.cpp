#include "backends/cuda/upload_readers.h"

#include <algorithm>
#include <system_error>

#include "platforms/topology.h"

namespace dunlin::cuda {
namespace {

// One thread copies out of the page cache at a sixth of what the bus takes.
constexpr int kMaxReaders = 8;
constexpr size_t kMaxQueuedJobs = 64;

}  // namespace

Result<std::unique_ptr<UploadReaders>> UploadReaders::create(const Context& context, const Kernels& kernels) {
  std::unique_ptr<UploadReaders> all(new UploadReaders(context, kernels));
  const int n = std::clamp(n_usable_cpus(detect_topology()), 1, kMaxReaders);
  try {
    for (int i = 0; i < n; ++i) all->readers_.emplace_back([raw = all.get()] { raw->work(); });
  } catch (const std::system_error& e) {
    // Those that there are do the work.
    if (all->readers_.empty()) return Status::exhausted("starting a thread to load weights: ", e.what());
  }
  return all;
}

Status UploadReaders::add(UploadJob job) {
  DUNLIN_CHECK(job.bytes <= kStageBytes);
  std::unique_lock lock(mutex_);
  DUNLIN_CHECK(!closed_);
  room_.wait(lock, [this] { return jobs_.size() < kMaxQueuedJobs || !error_.is_ok(); });
  if (!error_.is_ok()) return error_;
  jobs_.push_back(std::move(job));
  work_.notify_one();
  return Status::ok();
}

Status UploadReaders::finish() {
  join();
  return error_;
}

void UploadReaders::drop() {
  {
    const std::lock_guard lock(mutex_);
    jobs_.clear();
  }
  join();
}

void UploadReaders::join() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  work_.notify_all();
  for (std::thread& reader : readers_)
    if (reader.joinable()) reader.join();
}

std::optional<UploadJob> UploadReaders::next_job() {
  std::unique_lock lock(mutex_);
  work_.wait(lock, [this] { return !jobs_.empty() || closed_; });
  if (jobs_.empty()) return std::nullopt;
  UploadJob job = std::move(jobs_.front());
  jobs_.pop_front();
  room_.notify_one();
  return job;
}

void UploadReaders::fail(const Status& status) {
  const std::lock_guard lock(mutex_);
  if (error_.is_ok()) error_ = status;
  jobs_.clear();
  room_.notify_one();
}

// A reader goes on after an error, to empty the queue.
void UploadReaders::work() {
  Tools tools;
  Status status = prepare(tools);
  for (size_t turn = 0;; ++turn) {
    if (!status.is_ok()) fail(status);
    const std::optional<UploadJob> job = next_job();
    if (!job) break;
    if (status.is_ok()) status = run(*job, tools.stream, tools.stages[turn % 2]);
  }
  // What was copied and packed is then there for every stream.
  if (status.is_ok())
    status = context_.check(context_.driver().cuStreamSynchronize(tools.stream), "uploading weights");
  if (!status.is_ok()) fail(status);
  discard(tools);
}

Status UploadReaders::prepare(Tools& tools) const {
  const Driver& d = context_.driver();
  DUNLIN_RETURN_IF_ERROR(context_.make_current());
  DUNLIN_RETURN_IF_ERROR(
      context_.check(d.cuStreamCreate(&tools.stream, CU_STREAM_NON_BLOCKING), "creating a stream"));
  DUNLIN_ASSIGN_OR_RETURN(tools.host, StagingBlock::allocate(context_, 2 * kStageBytes, "loading"));
  DUNLIN_ASSIGN_OR_RETURN(tools.device, DeviceBuffer::allocate(context_, 2 * kStageBytes, "loading"));
  for (size_t i = 0; i < 2; ++i) {
    Stage& stage = tools.stages[i];
    stage.host = tools.host.data() + i * kStageBytes;
    stage.device = tools.device.address() + i * kStageBytes;
    DUNLIN_RETURN_IF_ERROR(
        context_.check(d.cuEventCreate(&stage.copied, CU_EVENT_DISABLE_TIMING), "creating an event"));
  }
  return Status::ok();
}

void UploadReaders::discard(Tools& tools) const {
  const Driver& d = context_.driver();
  if (tools.stream != nullptr) {
    (void)d.cuStreamSynchronize(tools.stream);  // also behind an error: before its memory goes
    (void)d.cuStreamDestroy(tools.stream);
  }
  for (Stage& stage : tools.stages)
    if (stage.copied != nullptr) (void)d.cuEventDestroy(stage.copied);
}

Status UploadReaders::run(const UploadJob& job, CUstream stream, Stage& stage) const {
  const Driver& d = context_.driver();
  const std::string what = str_cat("uploading '", job.name, "'");
  if (stage.in_use) DUNLIN_RETURN_IF_ERROR(context_.check(d.cuEventSynchronize(stage.copied), what));
  DUNLIN_RETURN_IF_ERROR(job.read(stage.host));
  const CUdeviceptr to = job.pack ? stage.device : job.to;
  stage.in_use = true;
  DUNLIN_RETURN_IF_ERROR(context_.check(d.cuMemcpyHtoDAsync(to, stage.host, job.bytes, stream), what));
  DUNLIN_RETURN_IF_ERROR(context_.check(d.cuEventRecord(stage.copied, stream), what));
  if (!job.pack) return Status::ok();
  PackParams p = *job.pack;
  p.rows = reinterpret_cast<const uint8_t*>(stage.device);
  const auto grid = uint32_t((int64_t(p.n_strips) * p.n_tiles + 7) / 8);
  return make_launch(kernels_.pack_strips, job.name, {grid}, 256, p).run_on(context_, stream);
}

}  // namespace dunlin::cuda
