// From the C API's option structs to the engine's. A struct_size that is too small for a field leaves the
// field at its default, so that programs built against an older header go on working.
#pragma once

#include <cstring>
#include <memory>

#include "core/engine/engine.h"
#include "dunlin/dunlin.h"

namespace dunlin {

// The caller's struct padded with defaults, or why it cannot be read.
template <typename Options>
Result<Options> read_options(const Options* given, void (*init)(Options*), const char* name) {
  Options options;
  init(&options);
  if (given == nullptr) return options;
  constexpr uint32_t kLeast = 2 * sizeof(uint32_t);
  if (given->struct_size < kLeast || given->struct_size > sizeof(Options))
    return Status::invalid(name, ".struct_size is ", given->struct_size, ", expected ", kLeast, "..",
                           sizeof(Options), "; call ", name, "_init first");
  const uint32_t size = given->struct_size;
  std::memcpy(static_cast<void*>(&options), given, size);
  return options;
}

// Whether a result can be written to the caller's struct: asked before the work.
template <typename Struct>
Status check_result(const Struct* out, const char* name) {
  constexpr uint32_t kLeast = 2 * sizeof(uint32_t);
  if (out->struct_size < kLeast || out->struct_size > sizeof(Struct))
    return Status::invalid(name, ".struct_size is ", out->struct_size, ", expected ", kLeast, "..",
                           sizeof(Struct));
  return Status::ok();
}

// As much of the result as the caller's struct, which was checked, has room for.
template <typename Struct>
void write_result(Struct result, Struct* out) {
  result.struct_size = out->struct_size;
  std::memcpy(static_cast<void*>(out), &result, result.struct_size);
}

Log make_log(dunlin_log_fn log, void* user_data);
ModelFileOptions model_file_options(const dunlin_model_options& options);
Result<EngineOptions> engine_options(const dunlin_engine_options& options);
LoadProgress load_progress(const dunlin_engine_options& options);
// Everything of a request but its prompt.
Result<GenerationRequest> generation_request(const dunlin_generation_options& options);

// Passes an engine's events on to C callbacks.
std::shared_ptr<GenerationListener> make_listener(const dunlin_callbacks& callbacks);
dunlin_result to_c_result(const GenerationResult& result);

}  // namespace dunlin
