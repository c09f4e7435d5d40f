// What the API tells about devices, models and engines, as JSON text.
#pragma once

#include <string>

#include "core/device/registry.h"
#include "core/engine/engine.h"
#include "core/exec/node_verify.h"

namespace dunlin {

std::string describe_devices(const Registry& registry);
std::string describe_device_notes(const Registry& registry);
std::string describe_model(const Model& model);
std::string describe_engine(const Engine& engine);
std::string describe_profile(const ProfileOptions& options, const StepProfile& profile);
std::string describe_verification(const VerifyReport& report);

}  // namespace dunlin
