// Topology as Linux tells it under /proc and /sys.
#pragma once

#include <string>

#include "platforms/topology.h"

namespace dunlin {

// root: "" for this machine, or a folder that holds a recorded /proc and /sys.
Topology read_linux_topology(const std::string& root);

}  // namespace dunlin
