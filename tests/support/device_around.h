// DeviceAround: a device that passes everything on to another one. Test devices override what they change.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/device/device.h"

namespace dunlin::testing {

class DeviceAround : public Device {
 public:
  // info: what the device says of itself, but for what is known only once the inner one is open.
  DeviceAround(DeviceInfo info, std::unique_ptr<Device> inner)
      : info_(std::move(info)), inner_(std::move(inner)) {
    info_.n_threads = inner_->info().n_threads;
  }

  const DeviceInfo& info() const override { return info_; }
  int32_t kv_block_tokens() const override { return inner_->kv_block_tokens(); }
  std::span<const int32_t> bucket_rows() const override { return inner_->bucket_rows(); }
  uint64_t kv_block_bytes(const KvSpec& spec) const override { return inner_->kv_block_bytes(spec); }
  bool supports(const Graph& graph, const Node& node, std::string* why) const override {
    return inner_->supports(graph, node, why);
  }
  uint64_t weight_bytes(const WeightSource& source) const override { return inner_->weight_bytes(source); }
  Status begin_uploads(std::span<const WeightSource> sources) override {
    return inner_->begin_uploads(sources);
  }
  Result<std::unique_ptr<DeviceWeight>> upload(const WeightSource& source) override {
    return inner_->upload(source);
  }
  Status finish_uploads() override { return inner_->finish_uploads(); }
  void drop_uploads() override { inner_->drop_uploads(); }
  Result<std::unique_ptr<KvCache>> create_kv_cache(const KvSpec& spec, int32_t n_blocks) override {
    return inner_->create_kv_cache(spec, n_blocks);
  }
  Result<std::unique_ptr<Plan>> compile(const Graph& graph, const PlanBindings& bindings,
                                        const CompileOptions& options) override {
    return inner_->compile(graph, bindings, options);
  }
  Roofline measure_roofline() override { return inner_->measure_roofline(); }
  Counters counters() const override { return inner_->counters(); }

 protected:
  Device& inner() { return *inner_; }
  const Device& inner() const { return *inner_; }

 private:
  DeviceInfo info_;
  std::unique_ptr<Device> inner_;
};

}  // namespace dunlin::testing
