// Engine: runs requests on one model and one device. One thread of its own takes requests, decides each step,
// runs it and tells the listeners; everything public here may be called from any thread.
//
// The decode path allocates nothing and takes no lock: a flag tells the thread when there is mail.
//
// No exception leaves the thread. What a listener throws ends its request. Anything else, a DUNLIN_CHECK or
// memory that is not there, stops the engine: all requests end with that error, and no more are taken.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/engine/kv_manager.h"
#include "core/engine/model.h"
#include "core/engine/request.h"
#include "core/engine/scheduler.h"
#include "core/engine/sequence.h"
#include "core/exec/executor.h"
#include "core/exec/step_profile.h"

namespace dunlin {

struct EngineOptions : PlacementRequest {
  int32_t n_threads = 0;
  int32_t n_threads_prefill = 0;
  int32_t n_ctx = 0;         // of one sequence; 0: the model's own, at most kDefaultContext
  int32_t n_sequences = 1;   // served at the same time; more wait
  int32_t n_batch = 512;     // rows of the largest step
  int32_t n_logit_rows = 0;  // 0: n_sequences; scoring is faster with more
  KvType kv_type = KvType::kF16;
  bool fuse = true;
  bool pack_cache = false;        // keep packed weights in a file for the next start
  std::string pack_cache_folder;  // where the model's folder cannot be written; empty: nowhere
};

inline constexpr int32_t kDefaultContext = 4096;

// Consecutive layers on one device. The first part has the embedding too, the last the head.
struct EnginePart {
  std::string device;
  int32_t first_layer = 0;
  int32_t n_layer = 0;
  uint64_t weight_bytes = 0;
  uint64_t kv_bytes = 0;
  uint64_t workspace_bytes = 0;
  uint64_t file_bytes = 0;  // its weights as the file has them
  int64_t load_ns = 0;      // that these took until they were on the device
};

struct EngineInfo {
  DeviceInfo device;              // of several parts: Executor::device_info()
  std::string placement;          // what went where, and why, in one line
  std::vector<EnginePart> parts;  // in the order of the layers
  int32_t n_ctx = 0;
  int32_t n_sequences = 0;
  int32_t n_batch = 0;
  uint64_t weight_bytes = 0;
  uint64_t kv_bytes = 0;
  uint64_t workspace_bytes = 0;
  int64_t weight_bytes_per_token = 0;  // that one token of decode reads
  int64_t macs_per_token = 0;          // of the matrix products, the head left out
  int64_t head_macs_per_token = 0;
};

// Counted since the engine was made.
struct EngineCounters {
  uint64_t n_steps = 0;
  uint64_t n_rows = 0;
  uint64_t n_requests = 0;
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> create(std::shared_ptr<const Model> model, const Registry& registry,
                                                const EngineOptions& options, const Log& log,
                                                const LoadProgress& progress = {});
  // Ends every request as cancelled and waits for the thread.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Checks the request and queues it. A prompt that does not fit is kContextExceeded with both counts, never
  // truncated. The listener hears of it until on_finished. An engine that has stopped says why.
  Result<uint64_t> submit(GenerationRequest request, std::shared_ptr<GenerationListener> listener);
  // Ends a request between two steps, also one that waits; unknown or finished ids are ignored.
  void cancel(uint64_t id);

  const Model& model() const { return *model_; }
  const EngineInfo& info() const { return info_; }
  EngineCounters counters() const;
  // Ceilings of the engine's device, measured on the engine's thread between steps.
  Result<Device::Roofline> measure_roofline();
  // The time of each phase of a step, measured on the engine's thread. Only while no request is running.
  Result<StepProfile> profile(const ProfileOptions& options);
  // The graph and the phases that serve steps of n_rows rows, as text.
  std::string describe_plan(int32_t n_rows) const;

 private:
  // Runs on the engine's thread while no step does, and throws nothing. If the engine has stopped, that is
  // all it is told.
  using ThreadCall = std::function<void(const Status& stopped)>;

  struct Mail {
    std::vector<std::unique_ptr<Sequence>> submitted;
    std::vector<uint64_t> cancelled;
    std::vector<ThreadCall> calls;
    bool stop = false;
  };

  Engine(std::shared_ptr<const Model> model, std::unique_ptr<Executor> executor,
         const EngineOptions& options);

  // A live sequence's part of the step that runs.
  struct StepPart {
    Sequence* sequence = nullptr;  // null: it has left since; its results are nobody's
    int32_t n_tokens = 0;
    int32_t n_logit_rows = 0;
  };

  // Runs a function on the engine's thread, between two steps, and waits for it. What it throws is thrown
  // here.
  template <typename Value, typename Call>
  Result<Value> call_on_thread(Call&& call);
  Result<StepProfile> profile_now(const ProfileOptions& options);
  void describe_part(size_t index);
  void loop() noexcept;
  void serve();
  // The thread's last act. From here on submit() is refused; all that was taken before is told.
  void close(Status why) noexcept;
  bool read_mail(bool wait);
  void cancel_now(uint64_t id);
  void run_calls();
  void admit();
  void step();
  bool fill_step();
  bool device_chooses(const Sequence& sequence) const {
    return info_.device.chooses_tokens && sequence.device_may_choose();
  }
  // Asks for what gives the sequence's next token: the device's choice, or logits.
  void want_next_token(Sequence& sequence, int32_t row, bool behind_unknown);
  // Where the device chooses all next tokens itself, the step after the running one is started before the
  // host has seen them, so that the device never waits. What the host then learns may end a sequence: its
  // part of that step is for nothing.
  bool can_run_ahead();
  Status start_ahead();
  void take_results();
  // What the step gave one sequence, from the given logit row on. A reason, if it was the last.
  std::optional<FinishReason> take_part(const StepPart& part, int32_t logit_row, int64_t now_us);
  // The same, where an exception of the sequence's own (its listener's) is a reason.
  std::optional<FinishReason> take_part_or_fail(const StepPart& part, int32_t logit_row, int64_t now_us);
  void fail_all(const Status& status);
  void finish(Sequence& sequence, FinishReason reason, const Status& status);
  bool is_idle() const;  // no live sequence has a part in the running step

  std::shared_ptr<const Model> model_;
  std::unique_ptr<Executor> executor_;
  EngineInfo info_;
  std::atomic<uint64_t> next_id_{1};

  // The engine thread's own.
  KvManager kv_;
  ScheduleLimits limits_;
  std::vector<std::unique_ptr<Sequence>> waiting_;  // first come first
  std::vector<std::unique_ptr<Sequence>> active_;
  Mail inbox_;                     // being read
  std::vector<ThreadCall> calls_;  // for when no step runs
  std::vector<SequenceView> views_;
  std::vector<ScheduledChunk> chunks_;
  std::vector<StepPart> parts_;  // of the running step, and of the one started ahead
  bool is_ahead_ = false;        // a step was started whose results nobody has waited for
  std::vector<std::pair<Sequence*, FinishReason>> finished_;  // of one step

  std::mutex mutex_;
  std::condition_variable wake_;
  Mail mail_;
  Status stopped_;  // why no more mail is taken; never changes once it is an error
  std::atomic<bool> has_mail_{false};
  std::atomic<uint64_t> n_steps_{0}, n_rows_{0}, n_requests_{0};
  std::thread thread_;
};

}  // namespace dunlin
