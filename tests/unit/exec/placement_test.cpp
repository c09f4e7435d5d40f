#include "core/exec/placement.h"

#include <catch2/catch.hpp>

using namespace dunlin;

namespace {

constexpr uint64_t kMb = 1'000'000;
constexpr int32_t kLayers = 10;
// A model of 100 MB: 10 MB of embedding, 8 MB a layer, 10 MB of head.
constexpr uint64_t kEmbedding = 10 * kMb, kLayer = 8 * kMb, kHead = 10 * kMb;

class ListedBackend final : public Backend {
 public:
  ListedBackend(const char* name, std::vector<DeviceInfo> devices)
      : name_(name), devices_(std::move(devices)) {}
  const char* name() const override { return name_; }
  std::vector<DeviceInfo> enumerate() const override { return devices_; }
  Result<std::unique_ptr<Device>> open(const DeviceInfo&, const DeviceOptions&) const override {
    return Status::internal("placement opens nothing by itself");
  }

 private:
  const char* name_;
  std::vector<DeviceInfo> devices_;
};

DeviceInfo device(const char* id, DeviceKind kind, int32_t score, uint64_t free_mb) {
  DeviceInfo info;
  info.id = id;
  info.kind = kind;
  info.name = "test";
  info.score = score;
  info.memory_bytes = info.memory_free_bytes = free_mb * kMb;
  return info;
}

// A machine with a CPU of two instruction sets and these GPUs, by free MB.
Registry machine(const std::vector<uint64_t>& gpus, uint64_t cpu_mb = 1000) {
  Registry registry;
  registry.add(std::make_unique<ListedBackend>(
      "cpu", std::vector<DeviceInfo>{device("cpu:good", DeviceKind::kCpu, 100, cpu_mb),
                                     device("cpu:plain", DeviceKind::kCpu, 0, cpu_mb)}));
  std::vector<DeviceInfo> cards;
  for (size_t i = 0; i < gpus.size(); ++i)
    cards.push_back(device(str_cat("cuda:", i).c_str(), DeviceKind::kGpu, 1000, gpus[i]));
  registry.add(std::make_unique<ListedBackend>("cuda", std::move(cards)));
  return registry;
}

Result<MemoryNeed> need(DeviceInfo&, const ModelSlice& slice) {
  MemoryNeed n;
  n.weight_bytes = uint64_t(slice.n_layer()) * kLayer;
  if (slice.has_embedding) n.weight_bytes += kEmbedding;
  if (slice.has_head) n.weight_bytes += kHead;
  return n;
}

Result<Placement> placed(const Registry& registry, const PlacementRequest& request = {}) {
  return place(registry, request, kLayers, need);
}

// "cpu:good 0-4 cuda:0 4-10", or the code of the error.
std::string shape_of(const Result<Placement>& placement) {
  if (!placement.is_ok()) return status_code_name(placement.status().code());
  std::string text;
  for (const PlacedPart& part : placement->parts)
    text += str_cat(text.empty() ? "" : " ", part.device.id, " ", part.slice.begin, "-", part.slice.end);
  CHECK(placement->parts.front().slice.has_embedding);
  CHECK(placement->parts.back().slice.has_head);
  return text;
}

std::string shape(const Registry& registry, const PlacementRequest& request = {}) {
  return shape_of(placed(registry, request));
}

PlacementRequest gpu_layers(int32_t n, const char* device = "auto") {
  PlacementRequest request;
  request.device = device;
  request.n_gpu_layers = n;
  return request;
}

PlacementRequest require_gpu(const char* device = "auto") {
  PlacementRequest request;
  request.device = device;
  request.require_gpu = true;
  return request;
}

bool says(const Status& status, const char* text) {
  return status.message().find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("without a GPU all goes to the best CPU") {
  CHECK(shape(machine({})) == "cpu:good 0-10");
  CHECK(shape(machine({}), gpu_layers(4)) == "cpu:good 0-10");
  CHECK(placed(machine({}), gpu_layers(4))->reason.find("no GPU for 4 layers") != std::string::npos);
}

TEST_CASE("a model that fits on a GPU is there, on the first that holds it") {
  CHECK(shape(machine({100})) == "cuda:0 0-10");
  CHECK(shape(machine({99, 100})) == "cuda:1 0-10");
  CHECK(shape(machine({100}), gpu_layers(10)) == "cuda:0 0-10");
  CHECK(shape(machine({100}), gpu_layers(99)) == "cuda:0 0-10");
  CHECK(shape(machine({500}), gpu_layers(0)) == "cpu:good 0-10");
  CHECK(shape(machine({500}), gpu_layers(0, "cuda")) == "cpu:good 0-10");
}

TEST_CASE("what does not fit is split so that the GPU has as many layers as it holds") {
  CHECK(shape(machine({99})) == "cpu:good 0-0 cuda:0 0-10");  // the embedding alone stays
  CHECK(shape(machine({90})) == "cpu:good 0-0 cuda:0 0-10");
  CHECK(shape(machine({89})) == "cpu:good 0-1 cuda:0 1-10");
  CHECK(shape(machine({18})) == "cpu:good 0-9 cuda:0 9-10");
  CHECK(shape(machine({17})) == "cpu:good 0-10");
  CHECK(shape(machine({20, 50})) == "cpu:good 0-5 cuda:1 5-10");
  CHECK(shape(machine({50, 20}), gpu_layers(kAllThatFit, "cuda:1")) == "cpu:good 0-9 cuda:1 9-10");
}

TEST_CASE("as many of the last layers as were asked for go to the GPU, with the head") {
  CHECK(shape(machine({500}), gpu_layers(1)) == "cpu:good 0-9 cuda:0 9-10");
  CHECK(shape(machine({500}), gpu_layers(9)) == "cpu:good 0-1 cuda:0 1-10");
  const auto refused = placed(machine({50}), gpu_layers(6));
  CHECK(shape_of(refused) == status_code_name(StatusCode::kResourceExhausted));
  CHECK(says(refused.status(), "cuda:0: layers 4-9, head"));
  CHECK(says(refused.status(), "in all 58.00 MB of 50.00 MB free"));
  CHECK(says(refused.status(), "n_gpu_layers"));
}

TEST_CASE("a GPU that is required has all layers, or the error says what they need") {
  CHECK(shape(machine({100}), require_gpu()) == "cuda:0 0-10");
  CHECK(shape(machine({90}), require_gpu()) == "cpu:good 0-0 cuda:0 0-10");  // all layers, but the embedding
  const auto small = placed(machine({60}), require_gpu());
  CHECK(shape_of(small) == status_code_name(StatusCode::kResourceExhausted));
  CHECK(says(small.status(), "require_gpu"));
  CHECK(says(small.status(), "cuda:0: embedding, layers 0-9, head: weights 100.00 MB"));
  CHECK(says(small.status(), "of 60.00 MB free"));
  const auto none = placed(machine({}), require_gpu());
  CHECK(shape_of(none) == status_code_name(StatusCode::kResourceExhausted));
  CHECK(says(none.status(), "there is none"));
  CHECK(says(none.status(), "100.00 MB"));
  CHECK(says(none.status(), "needs its driver"));
}

TEST_CASE("requests that contradict themselves are refused") {
  const char* invalid = status_code_name(StatusCode::kInvalidArgument);
  PlacementRequest some = gpu_layers(3);
  some.require_gpu = true;
  CHECK(shape(machine({500}), some) == invalid);
  CHECK(shape(machine({500}), require_gpu("cpu")) == invalid);
  CHECK(shape(machine({500}), gpu_layers(3, "cpu:plain")) == invalid);
  CHECK(shape(machine({500}), gpu_layers(-2)) == invalid);
  CHECK(shape(machine({500}), gpu_layers(3, "cuda:7")) == status_code_name(StatusCode::kNotFound));
}

TEST_CASE("what fits nowhere is an error with the plan of every part") {
  const auto cpu_only = placed(machine({}, 60));
  CHECK(shape_of(cpu_only) == status_code_name(StatusCode::kResourceExhausted));
  CHECK(says(cpu_only.status(), "cpu:good: embedding, layers 0-9, head: weights 100.00 MB"));
  const auto both = placed(machine({50}, 30));
  CHECK(shape_of(both) == status_code_name(StatusCode::kResourceExhausted));
  CHECK(says(both.status(), "cpu:good: embedding, layers 0-4: weights 50.00 MB"));
  CHECK(says(both.status(), "of 30.00 MB free"));
  CHECK(says(both.status(), "cuda:0: layers 5-9, head: weights 50.00 MB"));
  CHECK(shape(machine({50}, 50)) == "cpu:good 0-5 cuda:0 5-10");
}

TEST_CASE("listed parts are taken as they are, with all that shares a device counted") {
  PlacementRequest request;
  request.parts = {{"cpu:plain", 3}, {"cpu:good", 1}, {"cuda:0", 6}};
  CHECK(shape(machine({58}), request) == "cpu:plain 0-3 cpu:good 3-4 cuda:0 4-10");
  request.parts = {{"cpu:plain", 0}, {"cuda:0", 10}, {"cpu:good", 0}};
  CHECK(shape(machine({80}), request) == "cpu:plain 0-0 cuda:0 0-10 cpu:good 10-10");
  request.parts = {{"cpu:plain", 3}, {"cpu:good", 0}, {"cuda:0", 7}};
  CHECK(shape(machine({100}), request) == status_code_name(StatusCode::kInvalidArgument));
  request.parts = {{"cpu:plain", 3}, {"cuda:0", 6}};
  CHECK(shape(machine({100}), request) == status_code_name(StatusCode::kInvalidArgument));
  request.parts = {{"cuda:0", 3}, {"cuda:0", 7}};
  CHECK(shape(machine({99}), request) == status_code_name(StatusCode::kResourceExhausted));
  CHECK(shape(machine({100}), request) == "cuda:0 0-3 cuda:0 3-10");
}

TEST_CASE("free memory that the need has corrected counts, not the list's") {
  const Registry registry = machine({500});
  const auto taken = [](DeviceInfo& info, const ModelSlice& slice) {
    if (info.kind == DeviceKind::kGpu) info.memory_free_bytes = 26 * kMb;
    return need(info, slice);
  };
  const auto placement = place(registry, {}, kLayers, taken);
  CHECK(shape_of(placement) == "cpu:good 0-8 cuda:0 8-10");
  CHECK(placement->reason.find("26.00 MB is free on cuda:0") != std::string::npos);
}
