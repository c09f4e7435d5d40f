#include "core/exec/executor.h"

#include <algorithm>
#include <map>

#include "core/exec/memory_need.h"
#include "core/exec/pack_cache_place.h"
#include "core/graph/op_info.h"
#include "platforms/topology.h"

namespace dunlin {
namespace {

// The devices of one load, each opened once.
class OpenDevices {
 public:
  OpenDevices(const Registry& registry, const DeviceOptions& options)
      : registry_(registry), options_(options) {}

  Result<std::shared_ptr<Device>> open(const DeviceInfo& info) {
    std::shared_ptr<Device>& device = devices_[info.id];
    if (device == nullptr) {
      DUNLIN_ASSIGN_OR_RETURN(device, registry_.open(info, options_));
    }
    return device;
  }
  // The devices of the placement's parts; all others are closed.
  Result<std::vector<std::shared_ptr<Device>>> take(const Placement& placement) {
    std::vector<std::shared_ptr<Device>> taken;
    for (const PlacedPart& part : placement.parts) {
      DUNLIN_ASSIGN_OR_RETURN(auto device, open(part.device));
      taken.push_back(std::move(device));
    }
    devices_.clear();
    return taken;
  }

 private:
  const Registry& registry_;
  const DeviceOptions& options_;
  std::map<std::string, std::shared_ptr<Device>> devices_;
};

uint64_t file_bytes(const Graph& graph, const WeightTable& table) {
  uint64_t bytes = 0;
  for (const std::string& name : graph.weight_names) bytes += table.at(name).tensor.bytes();
  return bytes;
}

// Progress over all parts as one.
LoadProgress progress_behind(const LoadProgress& progress, uint64_t done_before, uint64_t total) {
  if (!progress) return {};
  return [&progress, done_before, total](uint64_t done, uint64_t) {
    return progress(done_before + done, total);
  };
}

// A pack cache holds a whole model, and only a device that is opened for it: placement's are not.
Status open_with_pack_cache(const ModelFiles& files, const Registry& registry, const ExecutorOptions& options,
                            const Placement& placement, DeviceOptions device_options,
                            std::shared_ptr<Device>& device) {
  const Log& log = device_options.log;
  if (placement.parts.size() > 1) {
    log.info("no pack cache: the model is in parts");
    return Status::ok();
  }
  const DeviceInfo& info = placement.parts[0].device;
  if (info.kind != DeviceKind::kCpu) return Status::ok();
  device_options.pack_cache = pack_cache_options(files, options.pack_cache_folder, log);
  device.reset();
  DUNLIN_ASSIGN_OR_RETURN(device, registry.open(info, device_options));
  return Status::ok();
}

// More threads than CPUs take turns, and every phase waits for the last of them: four on two cores decode a
// third slower than two.
int32_t at_most_usable(int32_t n_threads, const char* option, const Log& log) {
  const int32_t n_cpus = n_usable_cpus(detect_topology());
  if (n_threads <= n_cpus) return n_threads;
  log.warning(option, " is ", n_threads, ", and ", n_cpus, " CPUs are usable: ", n_cpus,
              " threads do the work");
  return n_cpus;
}

}  // namespace

Result<std::unique_ptr<Executor>> Executor::create(const ModelFiles& files, const Registry& registry,
                                                   const ExecutorOptions& options, const Log& log,
                                                   const LoadProgress& progress) {
  const DeviceOptions device_options{at_most_usable(options.n_threads, "n_threads", log),
                                     at_most_usable(options.n_threads_prefill, "n_threads_prefill", log),
                                     log,
                                     {}};
  OpenDevices open_devices(registry, device_options);
  const StepNeed step{options.n_ctx, options.n_sequences, options.n_rows, options.n_logit_rows,
                      options.kv_type};
  const auto need = [&](DeviceInfo& info, const ModelSlice& slice) -> Result<MemoryNeed> {
    DUNLIN_ASSIGN_OR_RETURN(const std::shared_ptr<Device> device, open_devices.open(info));
    info.memory_free_bytes = device->info().memory_free_bytes;
    return memory_need(files, slice, step, *device);
  };
  DUNLIN_ASSIGN_OR_RETURN(Placement placement, place(registry, options, int32_t(files.config.n_layer), need));
  DUNLIN_CHECK(!options.observer || placement.parts.size() == 1);
  for (const std::string& note : registry.notes()) log.debug("not used: ", note);
  log.info("device: ", placement.reason);
  if (placement.parts.size() > 1) log.info("placement:\n", placement_table(placement));
  DUNLIN_ASSIGN_OR_RETURN(std::vector<std::shared_ptr<Device>> devices, open_devices.take(placement));
  if (options.pack_cache)
    DUNLIN_RETURN_IF_ERROR(
        open_with_pack_cache(files, registry, options, placement, device_options, devices[0]));

  int32_t block_tokens = 0;
  for (const auto& device : devices) block_tokens = std::max(block_tokens, device->kv_block_tokens());
  std::unique_ptr<Executor> executor(new Executor({options.n_rows, options.n_logit_rows, options.n_sequences,
                                                   blocks_per_sequence(options.n_ctx, block_tokens)}));
  executor->block_tokens_ = block_tokens;
  executor->n_vocab_ = files.config.n_vocab;
  executor->n_embd_ = files.config.n_embd;
  const Status loaded = executor->load(files, placement, std::move(devices), options, progress);
  if (loaded.code() == StatusCode::kResourceExhausted)
    return Status::exhausted(loaded.message(), "; planned was:\n", placement_table(placement), "\n",
                             what_to_do(placement));
  if (!loaded.is_ok()) return loaded;
  executor->placement_ = std::move(placement);
  return executor;
}

Status Executor::load(const ModelFiles& files, const Placement& placement,
                      std::vector<std::shared_ptr<Device>> devices, const ExecutorOptions& options,
                      const LoadProgress& progress) {
  std::vector<uint64_t> part_bytes;
  uint64_t total_bytes = 0, done_bytes = 0;
  for (const PlacedPart& part : placement.parts) {
    DUNLIN_ASSIGN_OR_RETURN(const Graph graph, slice_graph(files, part.slice, {1, 1}));
    part_bytes.push_back(file_bytes(graph, files.weights));
    total_bytes += part_bytes.back();
  }
  for (size_t i = 0; i < devices.size(); ++i) {
    const ModelSlice& slice = placement.parts[i].slice;
    const PartOptions part_options{inputs_.capacity(),
                                   block_tokens_,
                                   options.n_choosable_tokens,
                                   kv_spec(files.config, options.kv_type, slice),
                                   options.fuse,
                                   options.observer};
    const PartGraph graph = [&](GraphCapacity capacity) { return slice_graph(files, slice, capacity); };
    DUNLIN_ASSIGN_OR_RETURN(auto part,
                            ModelPart::create(std::move(devices[i]), graph, files.weights, part_options,
                                              progress_behind(progress, done_bytes, total_bytes)));
    done_bytes += part_bytes[i];
    parts_.push_back(std::move(part));
  }
  return Status::ok();
}

Status Executor::start() {
  DUNLIN_CHECK(inputs_.n_rows() > 0);
  for (size_t i = 0; i + 1 < parts_.size(); ++i) {
    DUNLIN_RETURN_IF_ERROR(parts_[i]->start(inputs_));
    DUNLIN_RETURN_IF_ERROR(parts_[i]->wait());
    const std::span<float> to = parts_[i + 1]->hidden(inputs_);
    const size_t n = size_t(inputs_.n_rows()) * size_t(n_embd_);
    std::ranges::copy(parts_[i]->result().first(n), to.begin());
  }
  return parts_.back()->start(inputs_);
}

Status Executor::wait() {
  DUNLIN_RETURN_IF_ERROR(parts_.back()->wait());
  take_results();
  return Status::ok();
}

Result<StepTimes> Executor::measure(int32_t repeats) {
  DUNLIN_CHECK(inputs_.n_rows() > 0 && repeats > 0);
  if (parts_.size() > 1)
    return Status::unsupported("a model that is split over devices has no profile; put it on one");
  DUNLIN_ASSIGN_OR_RETURN(StepTimes times, parts_[0]->measure(inputs_, repeats));
  take_results();
  return times;
}

void Executor::take_results() {
  const ModelPart& last = *parts_.back();
  logits_ = last.result().subspan(0, size_t(inputs_.n_logit_rows()) * size_t(n_vocab_));
  tokens_ = last.tokens();
}

Status Executor::run() {
  DUNLIN_RETURN_IF_ERROR(start());
  return wait();
}

DeviceInfo Executor::device_info() const {
  DeviceInfo info = parts_.back()->device().info();
  if (parts_.size() == 1) return info;
  info.id = info.name = info.detail = "";
  for (const auto& part : parts_) {
    const DeviceInfo& own = part->device().info();
    const char* const plus = part == parts_.front() ? "" : "+";
    info.id += plus + own.id;
    info.name += str_cat(plus, own.name);
    info.detail += str_cat(*plus != 0 ? "; " : "", own.id, ": ", own.detail);
    info.n_threads = std::max(info.n_threads, own.n_threads);
  }
  // The parts before the last must have ended before a step can begin.
  info.runs_ahead = false;
  return info;
}

Device::Roofline Executor::measure_roofline() {
  if (parts_.size() == 1) return parts_[0]->device().measure_roofline();
  // A step takes the sum of the parts' times, so each ceiling counts by the part's share of the work.
  double bytes = 0, macs = 0, read_time = 0, multiply_time = 0;
  for (const auto& part : parts_) {
    const Device::Roofline own = part->device().measure_roofline();
    const auto part_bytes = double(weight_bytes_per_token(part->graph_for(1)));
    const auto part_macs = double(macs_per_token(part->graph_for(1)));
    bytes += part_bytes, macs += part_macs;
    // A part without products, the embedding alone, needs no probe for them.
    if (part_bytes > 0) read_time += part_bytes / own.read_gb_s;
    if (part_macs > 0) multiply_time += part_macs / own.int8_tops;
  }
  Device::Roofline roofline;
  roofline.read_gb_s = bytes / read_time;
  roofline.int8_tops = macs / multiply_time;
  roofline.int8_instruction = "of the parts together";
  return roofline;
}

}  // namespace dunlin
