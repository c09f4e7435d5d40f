#include "core/device/registry.h"

#include <algorithm>

namespace dunlin {
namespace {

bool belongs_to(const DeviceInfo& info, std::string_view backend) {
  return info.id.size() >= backend.size() && std::string_view(info.id).substr(0, backend.size()) == backend &&
         (info.id.size() == backend.size() || info.id[backend.size()] == ':');
}

}  // namespace

std::vector<DeviceInfo> Registry::enumerate() const {
  std::vector<DeviceInfo> all;
  for (const auto& backend : backends_)
    for (DeviceInfo& info : backend->enumerate()) all.push_back(std::move(info));
  std::stable_sort(all.begin(), all.end(),
                   [](const DeviceInfo& a, const DeviceInfo& b) { return a.score > b.score; });
  return all;
}

std::vector<std::string> Registry::notes() const {
  std::vector<std::string> all;
  for (const auto& backend : backends_)
    for (const std::string& note : backend->notes()) all.push_back(str_cat(backend->name(), ": ", note));
  return all;
}

Result<DeviceInfo> Registry::find(std::string_view id) const {
  std::string known;
  for (const DeviceInfo& info : enumerate()) {
    if (info.id == id || (id == "auto" && info.score > 0) || belongs_to(info, id)) return info;
    known += str_cat(known.empty() ? "" : ", ", info.id);
  }
  return Status::not_found("device '", id, "' is not on this machine; it has: ", known, "; 'auto' chooses");
}

Result<std::unique_ptr<Device>> Registry::open(const DeviceInfo& info, const DeviceOptions& options) const {
  for (const auto& backend : backends_)
    if (belongs_to(info, backend->name())) return backend->open(info, options);
  return Status::not_found("no backend of this build opens device '", info.id, "'");
}

}  // namespace dunlin
