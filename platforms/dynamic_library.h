// DynamicLibrary: a shared library that is loaded while the program runs, such as a GPU driver. Move-only;
// the library is unloaded with the object, so functions from it must not be called later. Look-ups are safe
// from any thread.
#pragma once

#include <string>

#include "core/base/status.h"

namespace dunlin {

class DynamicLibrary {
 public:
  // name: a file path, or a bare name ("libcuda.so.1") that the system's loader searches for.
  // Status::not_found carries the loader's own reason.
  static Result<DynamicLibrary> open(const std::string& name);
  DynamicLibrary(DynamicLibrary&& other) noexcept;
  DynamicLibrary& operator=(DynamicLibrary&& other) noexcept;
  DynamicLibrary(const DynamicLibrary&) = delete;
  DynamicLibrary& operator=(const DynamicLibrary&) = delete;
  ~DynamicLibrary();

  const std::string& name() const { return name_; }

  // Sets function to the library's function of that name: bind("cuInit", driver.init). Status::not_found if
  // it is not there; function is then null. The caller vouches for the type.
  template <typename Signature>
  Status bind(const char* symbol, Signature*& function) const {
    function = nullptr;
    DUNLIN_ASSIGN_OR_RETURN(void* const address, find(symbol));
    function = reinterpret_cast<Signature*>(address);
    return Status::ok();
  }

  Result<void*> find(const char* symbol) const;

 private:
  DynamicLibrary(void* handle, std::string name) : handle_(handle), name_(std::move(name)) {}

  void* handle_ = nullptr;
  std::string name_;
};

}  // namespace dunlin
