#include "core/device/registry.h"

#include <catch2/catch.hpp>

using namespace dunlin;

namespace {

class WithoutDriver final : public Backend {
 public:
  const char* name() const override { return "gpu"; }
  std::vector<DeviceInfo> enumerate() const override { return {}; }
  std::vector<std::string> notes() const override { return {"the driver is too old"}; }
  Result<std::unique_ptr<Device>> open(const DeviceInfo&, const DeviceOptions&) const override {
    return Status::not_found("none");
  }
};

class Silent final : public Backend {
 public:
  const char* name() const override { return "silent"; }
  std::vector<DeviceInfo> enumerate() const override { return {}; }
  Result<std::unique_ptr<Device>> open(const DeviceInfo&, const DeviceOptions&) const override {
    return Status::not_found("none");
  }
};

}  // namespace

TEST_CASE("what keeps hardware from being a device is told with the backend's name") {
  Registry registry;
  registry.add(std::make_unique<Silent>());
  CHECK(registry.notes().empty());
  registry.add(std::make_unique<WithoutDriver>());
  CHECK(registry.notes() == std::vector<std::string>{"gpu: the driver is too old"});
}
