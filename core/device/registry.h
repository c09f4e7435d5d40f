// Registry: the backends of this build. A plain list that is passed down; backends/builtin.cpp fills it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/device/device.h"

namespace dunlin {

class Registry {
 public:
  void add(std::unique_ptr<Backend> backend) { backends_.push_back(std::move(backend)); }

  // All devices of all backends, best score first.
  std::vector<DeviceInfo> enumerate() const;
  // Of all backends, what keeps something of this machine from being a device: "cuda: ...".
  std::vector<std::string> notes() const;
  // The device with this id; "auto" is the best score; a bare backend name ("cpu") is that backend's best.
  Result<DeviceInfo> find(std::string_view id) const;
  Result<std::unique_ptr<Device>> open(const DeviceInfo& info, const DeviceOptions& options) const;

 private:
  std::vector<std::unique_ptr<Backend>> backends_;
};

}  // namespace dunlin
