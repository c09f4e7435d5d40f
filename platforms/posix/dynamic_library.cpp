#include "platforms/dynamic_library.h"

#include <dlfcn.h>

#include <utility>

namespace dunlin {

Result<DynamicLibrary> DynamicLibrary::open(const std::string& name) {
  // RTLD_LOCAL: the library's symbols must not stand in for the host program's.
  void* const handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const reason = dlerror();
    return Status::not_found("shared library '", name,
                             "' cannot be loaded: ", reason ? reason : "no reason given",
                             "; install it or add its folder to the loader's search path");
  }
  return DynamicLibrary(handle, name);
}

DynamicLibrary::DynamicLibrary(DynamicLibrary&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), name_(std::move(other.name_)) {}

DynamicLibrary& DynamicLibrary::operator=(DynamicLibrary&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(name_, other.name_);
  return *this;
}

DynamicLibrary::~DynamicLibrary() {
  if (handle_ != nullptr) dlclose(handle_);
}

Result<void*> DynamicLibrary::find(const char* symbol) const {
  DUNLIN_CHECK(handle_ != nullptr);
  void* const address = dlsym(handle_, symbol);
  if (address == nullptr) {
    return Status::not_found("shared library '", name_, "' has no function '", symbol,
                             "'; its version does not fit this build, update it");
  }
  return address;
}

}  // namespace dunlin
