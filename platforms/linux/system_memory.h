// Memory as /proc and the control groups tell it.
#pragma once

#include <string>

#include "platforms/linux/cgroup.h"
#include "platforms/memory.h"

namespace dunlin {

// root: "" for this machine, or a folder that holds a recorded /proc and /sys.
SystemMemory read_system_memory(const std::string& root, const CgroupLimits& limits);

}  // namespace dunlin
