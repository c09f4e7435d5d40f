#include "model_options.h"

#include <cstdio>
#include <cstdlib>

#include "exit_code.h"
#include "flag_names.h"
#include "interrupt.h"
#include "terminal.h"

extern "C" {
extern const unsigned char dunlin_default_model[];
extern const unsigned char dunlin_default_model_end[];
}

namespace dunlin::cli {
namespace {

enum LogLevel : int32_t { kDebug = 0, kInfo = 1, kWarning = 2 };

// user_data points to the least level that is shown.
void log_to_stderr(void* user_data, int32_t level, const char* message) {
  if (level < *static_cast<const int32_t*>(user_data)) return;
  const std::string text = level >= kWarning ? "warning: " + with_flag_names(message) : message;
  std::fprintf(stderr, "%s\n", text.c_str());
}

// q8_0 is q8's name among the types of weights.
int32_t kv_type(const std::string& name) {
  if (name == "fp8") return DUNLIN_KV_FP8;
  return name == "f16" ? DUNLIN_KV_F16 : DUNLIN_KV_Q8_0;
}

const int32_t* least_level(const ModelFlags& flags) {
  static constexpr int32_t kAll = kDebug, kNormal = kInfo, kQuiet = kWarning;
  return flags.verbose ? &kAll : flags.quiet ? &kQuiet : &kNormal;
}

// The XDG base directory specification's place for what can be made anew; empty where there is none.
std::string user_cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return std::string(cache) + "/dunlin";
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return std::string(home) + "/.cache/dunlin";
  return "";
}

int32_t show_progress(void* user_data, uint64_t done, uint64_t total) {
  static_cast<ProgressLine*>(user_data)->update(done, total, 1e6, "MB");
  return !was_interrupted();
}

}  // namespace

void add_model_file_flags(CLI::App& app, ModelFlags& flags) {
  app.add_option("-m,--model", flags.path,
                 "model: a .gguf file or a Hugging Face directory (default: a small one "
                 "that is built in and tells fairy tales)");
  app.add_flag("--preload,--no-mmap", flags.preload, "read the whole file into memory before anything else");
  app.add_flag("--check-tensors", flags.check_tensors, "refuse NaN and infinity in the weights");
  app.add_flag("-v,--verbose", flags.verbose, "more about what happens, on stderr");
  app.add_flag("-q,--quiet", flags.quiet, "only warnings and errors on stderr");
}

void add_device_flag(CLI::App& app, ModelFlags& flags) {
  app.add_option("--device", flags.device, "device id, see 'dunlin devices'")->capture_default_str();
}

void add_engine_flags(CLI::App& app, ModelFlags& flags) {
  add_device_flag(app, flags);
  app.add_option("--gpu-layers,--n-gpu-layers", flags.n_gpu_layers,
                 "or -ngl: layers on the GPU, counted from the last, with the head; auto: all that fit")
      ->check([](const std::string& text) { return text == "auto" ? "" : CLI::Range(0, 1 << 20)(text); })
      ->type_name("N|auto")
      ->capture_default_str();
  app.add_flag("--require-gpu", flags.require_gpu, "fail where a layer would not be on a GPU");
  app.add_option("-t,--threads", flags.n_threads, "threads (0: one a core; at most the CPUs)")
      ->check(CLI::Range(0, 1024));
  app.add_option("--threads-batch", flags.n_threads_prefill, "threads for prompts (0: as -t)")
      ->check(CLI::Range(0, 1024));
  app.add_option("-c,--ctx-size", flags.n_ctx, "context in tokens (0: the model's, at most 4096)");
  app.add_option("--batch-size", flags.n_batch, "rows of the largest step")->capture_default_str();
  app.add_option("--kv-type", flags.kv_type, "KV cache: f16, or q8 or fp8 in half the bytes")
      ->check(CLI::IsMember({"f16", "q8", "fp8", "q8_0"}))
      ->type_name("f16|q8|fp8")
      ->capture_default_str();
  app.add_flag("--no-fuse", flags.no_fuse, "run every op by itself");
  app.add_flag("--pack-cache", flags.pack_cache,
               "keep packed weights in a file beside the model, as large as it, so that the next start with "
               "this flag is faster (CPU devices)");
}

Model open_model(const ModelFlags& flags) {
  dunlin_model_options options = model_options();
  options.preload = flags.preload;
  options.check_tensors = flags.check_tensors;
  options.log = log_to_stderr;
  options.log_user_data = const_cast<int32_t*>(least_level(flags));
  try {
    if (!flags.path.empty()) return Model(flags.path, options);
    return Model(dunlin_default_model, size_t(dunlin_default_model_end - dunlin_default_model),
                 "the default model", options);
  } catch (const Error& error) {
    throw ModelError(error);
  }
}

Engine open_engine(const Model& model, const ModelFlags& flags, int32_t n_sequences, int32_t n_logit_rows) {
  ProgressLine progress("loading");
  dunlin_engine_options options = engine_options();
  options.device = flags.device.c_str();
  options.n_gpu_layers = flags.n_gpu_layers == "auto" ? -1 : std::stoi(flags.n_gpu_layers);
  options.require_gpu = flags.require_gpu;
  options.n_threads = flags.n_threads;
  options.n_threads_prefill = flags.n_threads_prefill;
  options.n_ctx = flags.n_ctx;
  options.n_sequences = n_sequences;
  options.n_batch = flags.n_batch;
  options.n_logit_rows = n_logit_rows;
  options.kv_type = kv_type(flags.kv_type);
  options.fuse = !flags.no_fuse;
  const std::string pack_cache_folder = user_cache_folder();
  options.pack_cache = flags.pack_cache;
  options.pack_cache_folder = pack_cache_folder.c_str();
  options.log = log_to_stderr;
  options.log_user_data = const_cast<int32_t*>(least_level(flags));
  options.progress = show_progress;
  options.progress_user_data = &progress;
  return Engine(model, options);
}

}  // namespace dunlin::cli
