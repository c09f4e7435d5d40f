#include "backends/cuda/driver.h"

namespace dunlin::cuda {
namespace {

// The driver must know what the fatbins and launch attributes need.
constexpr int kMinDriverVersion = 12000;

}  // namespace

Result<std::shared_ptr<const Driver>> Driver::load(const char* library) {
  DUNLIN_ASSIGN_OR_RETURN(DynamicLibrary opened, DynamicLibrary::open(library));
  std::shared_ptr<Driver> driver(new Driver(std::move(opened)));
#define DUNLIN_CUDA_BIND(name, symbol) DUNLIN_RETURN_IF_ERROR(driver->library_.bind(symbol, driver->name));
  DUNLIN_CUDA_FIRST_FUNCTIONS(DUNLIN_CUDA_BIND)
  // Before the rest is looked for: that an old driver is old says more than the name of what it lacks.
  int version = 0;
  DUNLIN_RETURN_IF_ERROR(driver->status(driver->cuDriverGetVersion(&version), "asking the driver's version"));
  if (version < kMinDriverVersion)
    return Status::not_found("the CUDA driver supports CUDA ", version / 1000, ".", version % 1000 / 10,
                             ", at least ", kMinDriverVersion / 1000, ".0 is needed; update the driver");
  DUNLIN_CUDA_FUNCTIONS(DUNLIN_CUDA_BIND)
#undef DUNLIN_CUDA_BIND
  DUNLIN_RETURN_IF_ERROR(driver->status(driver->cuInit(0), "initializing the CUDA driver"));
  return std::shared_ptr<const Driver>(std::move(driver));
}

StatusCode status_code(CUresult result) {
  // Not every cuda.h that this is built with has these names.
  constexpr int kContained = 226, kTensorMemoryLeak = 721;
  switch (int(result)) {
    case CUDA_ERROR_OUT_OF_MEMORY:
      return StatusCode::kResourceExhausted;
    case CUDA_ERROR_NO_DEVICE:
    case CUDA_ERROR_INVALID_DEVICE:
      return StatusCode::kNotFound;
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_FAILED:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
    case CUDA_ERROR_DEVICE_UNAVAILABLE:
    case CUDA_ERROR_MPS_CLIENT_TERMINATED:
    case kContained:
    case kTensorMemoryLeak:
      return StatusCode::kDeviceLost;
    default:
      return StatusCode::kInternal;
  }
}

Status Driver::status(CUresult result, std::string_view what) const {
  if (result == CUDA_SUCCESS) return Status::ok();
  const char* name = nullptr;
  const char* text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  const std::string message = str_cat(what, ": ", name != nullptr ? name : "unknown CUDA error", " (",
                                      text != nullptr ? text : str_cat("code ", int(result)).c_str(), ")");
  const StatusCode code = status_code(result);
  if (code != StatusCode::kDeviceLost) return {code, message};
  return {code,
          str_cat(message, "; the device is lost to this process: start it again, or use another device")};
}

}  // namespace dunlin::cuda
