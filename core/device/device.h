// What a backend is to the rest of Dunlin: it finds devices, opens one, takes weights, holds KV caches, and
// compiles graphs to plans. Interfaces and plain structs only; nothing here knows a vendor.
//
// Threads: a Device and what it made are used by one thread at a time (the engine's), except where noted.
// Lifetime: weights, KV caches and plans must not outlive their device.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/base/status.h"
#include "core/device/kv_spec.h"
#include "core/device/step_inputs.h"
#include "core/graph/graph.h"
#include "core/tensor/tensor_source.h"

namespace dunlin {

enum class DeviceKind : uint8_t { kReference, kCpu, kGpu };

struct DeviceInfo {
  std::string id;  // "cpu:avx512vnni", "cuda:0": what --device takes
  DeviceKind kind = DeviceKind::kCpu;
  std::string name;                // the processor or card, for people
  std::string detail;              // topology, capabilities: lines for `dunlin devices`
  uint64_t memory_bytes = 0;       // in all, as far as this process may use it
  uint64_t memory_free_bytes = 0;  // an opened device may know better than the list of devices
  int32_t n_threads = 0;           // of an opened device, for decode; 0 where it means nothing
  bool chooses_tokens = false;     // Plan::tokens() works: rows with a TokenChoice need no logits on the host
  // Plan::start() may be called a second time before wait(), with chosen_token()s among the tokens.
  bool runs_ahead = false;
  int32_t score = 0;  // automatic placement takes the highest that fits; 0: only when asked for
};

// A model file in the state in which it was opened.
struct SourceFile {
  uint64_t bytes = 0;
  int64_t modified_ns = 0;  // since the epoch
  bool operator==(const SourceFile&) const = default;
};

// Where a device may keep packed weights for the next load of the same files. The device adds its layout to
// the names, so that devices with different layouts do not meet. Devices that keep nothing ignore it.
struct PackCacheOptions {
  std::string path;      // beside the model; empty: keep nothing
  std::string fallback;  // where path cannot be written; its folder is made; empty: nowhere
  std::vector<SourceFile> sources;
  bool use_mmap = true;  // false: read the cache instead of mapping it
};

struct DeviceOptions {
  int32_t n_threads = 0;          // decode; 0: the device decides
  int32_t n_threads_prefill = 0;  // 0: as n_threads
  Log log;
  PackCacheOptions pack_cache;
};

// A weight as the model file has it. Borrowed for the call only; a read that fails ends the upload.
struct WeightSource {
  std::string name;
  TensorSource tensor;         // [N, K] or [N]
  bool for_linear = false;     // which ops read it: linear weights are packed,
  bool for_embedding = false;  // tables must give single rows
  // Row r of the weight stands at row_order[r] of the tensor; empty: in order.
  std::vector<int32_t> row_order;

  // Rows first .. first + n_rows - 1 of the weight, in its order, one behind the other. Any thread.
  Status read_rows(int64_t first, int64_t n_rows, uint8_t* out) const;
};

// A weight on the device, in the device's layout. Opaque to core; the device downcasts its own.
class DeviceWeight {
 public:
  virtual ~DeviceWeight() = default;
  virtual uint64_t bytes() const = 0;
};

class KvCache {
 public:
  virtual ~KvCache() = default;
  virtual uint64_t bytes() const = 0;
  virtual int32_t n_blocks() const = 0;
  // Copies all layers of a block, after the steps that were started; used when a shared block is continued
  // differently.
  virtual void copy_block(int32_t from, int32_t to) = 0;
};

// One line of a plan's report: a phase between two barriers or launches.
struct PhaseReport {
  std::string name;    // the node's name
  std::string kernel;  // the chosen kernel row
  int64_t weight_bytes = 0;
};

// One phase of a measured step.
struct PhaseTime {
  std::string name;    // as in PhaseReport
  std::string kernel;  // the one that served this step
  // What it reads in this step, of weights, keys and values, and its multiply-adds. Activations are not
  // counted: they live in caches.
  int64_t bytes = 0;
  int64_t macs = 0;
  double us = 0;  // from the end of the phase before to its own; the median
};

struct StepTimes {
  std::vector<PhaseTime> phases;  // what had something to do, in order
  // The same step undivided, in turns with the divided one, medians: by the device's clock, and by the host's
  // from start() to the end of wait().
  double step_us = 0;
  double wall_us = 0;
};

// A compiled graph. Immutable: steps change only its workspace and the KV cache.
class Plan {
 public:
  virtual ~Plan() = default;
  virtual uint64_t workspace_bytes() const = 0;
  // Starts a step, which must fit the graph's capacity; it has ended when wait() returns, or before. The step
  // may be changed after the call. Allocates nothing.
  virtual Status start(const StepInputs& step) = 0;
  // Waits for the end of the oldest step that was started and not yet waited for.
  virtual Status wait() { return Status::ok(); }
  Status run(const StepInputs& step) {
    DUNLIN_RETURN_IF_ERROR(start(step));
    return wait();
  }
  // Logits of the last step waited for: [step.n_logit_rows(), n_vocab] f32 in host memory, valid until the
  // next start(). The caller may overwrite them. Unspecified where the step did not want them
  // (wants_host_logits()). Of a graph that another continues: its hidden rows, [step.n_rows(), n_embd], of
  // every step.
  virtual std::span<float> logits() = 0;
  // Of a graph that continues another (Graph::hidden): where the caller puts that one's hidden rows before
  // start(), in host memory, [rows of the capacity, n_embd] f32. Not while a step runs. Else empty.
  virtual std::span<float> hidden() { return {}; }
  // By logit row, the token that the row's TokenChoice gives, of the last step waited for; -1 if a logit is
  // NaN or +inf, or all are -inf. Unspecified for rows of want_logits(). Empty: the device chooses none.
  virtual std::span<const int32_t> tokens() const { return {}; }
  virtual std::vector<PhaseReport> report() const = 0;
  // Runs a step `repeats` times, at least once, whole and with the time taken between its phases. A step that
  // is run again computes the same, so logits() and tokens() are afterwards those of the last divided run and
  // must be those of any other. No other step may be running.
  virtual Result<StepTimes> measure(const StepInputs& step, int32_t repeats) {
    return Status::unsupported("this device cannot time the phases of a step");
  }
};

// What compile() binds a graph to. Pointers are borrowed for the plan's life.
struct PlanBindings {
  std::vector<const DeviceWeight*> weights;  // by Value::index of weights
  KvCache* kv_cache = nullptr;
  int32_t n_blocks_per_sequence = 0;  // KV blocks of the longest context
  int32_t n_sequences = 0;            // of the largest step; 0: as many as rows
};

// Called after each node of an observed plan with the node's index and its outputs' bytes ([rows, features]
// f32).
using NodeObserver = std::function<void(int32_t node, std::span<const std::span<const float>> outputs)>;

struct CompileOptions {
  int32_t n_choosable_tokens = 0;  // ids that Plan::tokens() may give; 0: all logits
  NodeObserver observer;  // if set, every node is a phase of its own and is reported after it ran (verify)
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceInfo& info() const = 0;
  virtual int32_t kv_block_tokens() const = 0;
  // Row capacities of the plans that the device wants beside the largest, in rising order.
  virtual std::span<const int32_t> bucket_rows() const {
    static constexpr int32_t kBuckets[] = {1, 8, 64};
    return kBuckets;
  }
  virtual uint64_t kv_block_bytes(const KvSpec& spec) const = 0;  // all layers
  // If the device cannot run the node, why (if not null) says so.
  virtual bool supports(const Graph& graph, const Node& node, std::string* why) const = 0;
  // bytes that upload() will need on the device for this weight.
  virtual uint64_t weight_bytes(const WeightSource& source) const = 0;
  // May be called before the first upload of a model, with all that will be uploaded: a device may take the
  // memory for all of them at once.
  virtual Status begin_uploads(std::span<const WeightSource> sources) { return Status::ok(); }
  virtual Result<std::unique_ptr<DeviceWeight>> upload(const WeightSource& source) = 0;
  // Called behind the last upload of a model, while all its weights live: waits for what upload() left to be
  // done. Also the time to write a pack cache; what goes wrong there costs only the next start, so it is
  // logged.
  virtual Status finish_uploads() { return Status::ok(); }
  // Called instead where the load ends early, while its weights live: drops what upload() left to be done.
  virtual void drop_uploads() {}
  virtual Result<std::unique_ptr<KvCache>> create_kv_cache(const KvSpec& spec, int32_t n_blocks) = 0;
  virtual Result<std::unique_ptr<Plan>> compile(const Graph& graph, const PlanBindings& bindings,
                                                const CompileOptions& options) = 0;
  // Ceilings, measured now (about a second); zero where the device has no such probe.
  struct Roofline {
    double read_gb_s = 0;
    double int8_tops = 0;
    std::string int8_instruction;  // what int8_tops is the ceiling of
    double upload_gb_s = 0;        // from pinned host memory; zero where weights stay in host memory
  };
  virtual Roofline measure_roofline() = 0;
  // What the device asked of its driver since it was opened; zero where there is no driver.
  struct Counters {
    uint64_t n_allocations = 0;  // of device memory and of pinned host memory
    uint64_t n_frees = 0;
    uint64_t n_graphs = 0;  // captured and made ready
    uint64_t n_waits = 0;   // of the host for the device, polling included
  };
  virtual Counters counters() const { return {}; }
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* name() const = 0;
  // Devices that can be opened now; empty where there is no hardware or driver, which is no error.
  virtual std::vector<DeviceInfo> enumerate() const = 0;
  // What keeps a driver or hardware of this machine from being among them, a line each, for people.
  virtual std::vector<std::string> notes() const { return {}; }
  virtual Result<std::unique_ptr<Device>> open(const DeviceInfo& info,
                                               const DeviceOptions& options) const = 0;
};

}  // namespace dunlin
