// ppl: perplexity of a text. The text is cut into windows of the context; the second half of each is scored.
// A window begins with BOS only where the model adds one. This is llama.cpp's convention, so figures compare.
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>

#include "../exit_code.h"
#include "../interrupt.h"
#include "../json_text.h"
#include "../model_options.h"
#include "../terminal.h"
#include "../text_io.h"
#include "commands.h"

namespace dunlin::cli {
namespace {

constexpr int32_t kDefaultWindow = 512;
// Logits of this many rows at a time: the head's matrix product stays efficient, its output small.
constexpr int32_t kLogitRows = 128;

struct PplFlags {
  ModelFlags model;
  std::string file;
  std::string format = "md";
  int32_t max_windows = 0;
};

// The sums of one window's scores, filled on the engine's thread.
struct Window {
  double sum = 0, sum_of_squares = 0;
  int64_t n = 0;
  std::string error;
  std::mutex mutex;
  std::condition_variable finished;
  bool is_finished = false;
};

dunlin_callbacks window_callbacks(Window& window) {
  dunlin_callbacks callbacks{};
  callbacks.struct_size = sizeof(callbacks);
  callbacks.user_data = &window;
  callbacks.on_score = [](void* user_data, int32_t, float logprob) {
    auto& w = *static_cast<Window*>(user_data);
    w.sum -= double(logprob);
    w.sum_of_squares += double(logprob) * double(logprob);
    ++w.n;
  };
  callbacks.on_finished = [](void* user_data, const dunlin_result* result) {
    auto& w = *static_cast<Window*>(user_data);
    const std::lock_guard lock(w.mutex);
    if (result->finish == DUNLIN_FINISH_ERROR) w.error = result->message;
    w.is_finished = true;
    w.finished.notify_one();
  };
  return callbacks;
}

void score_window(Engine& engine, const std::vector<int32_t>& tokens, Window& total) {
  Window window;
  const dunlin_callbacks callbacks = window_callbacks(window);
  const auto first = int32_t(tokens.size() / 2 + 1);
  check(dunlin_submit_score(engine.get(), tokens.data(), tokens.size(), first, &callbacks, nullptr));
  std::unique_lock lock(window.mutex);
  window.finished.wait(lock, [&] { return window.is_finished; });
  if (!window.error.empty()) throw Error(DUNLIN_INTERNAL, window.error);
  total.sum += window.sum;
  total.sum_of_squares += window.sum_of_squares;
  total.n += window.n;
}

void print_result(const Window& total, size_t n_windows, const std::string& format) {
  const double mean = total.sum / double(total.n);
  const double variance = total.sum_of_squares / double(total.n) - mean * mean;
  const double ppl = std::exp(mean);
  const double error = ppl * std::sqrt(std::max(0.0, variance) / double(total.n - 1));
  if (format == "json")
    std::cout << write_json({{"ppl", ppl}, {"stderr", error}, {"n_windows", n_windows}}) << '\n';
  else
    std::printf("perplexity %.4f +- %.4f (%zu windows)\n", ppl, error, n_windows);
}

void ppl(PplFlags& flags) {
  const std::string text = read_text_file(flags.file, "text");
  if (flags.model.n_ctx == 0) flags.model.n_ctx = kDefaultWindow;
  if (flags.model.n_ctx < 4) throw UsageError("-c is too small: a window needs at least 4 tokens");
  const Model model = open_model(flags.model);
  const std::vector<int32_t> tokens = model.tokenize(text);
  const Json tokenizer = parse_json(model.describe_json())["tokenizer"];
  const auto n = size_t(flags.model.n_ctx);
  size_t n_windows = tokens.size() / n;
  if (n_windows == 0)
    throw UsageError("the text has " + std::to_string(tokens.size()) + " tokens, fewer than one window of " +
                     std::to_string(n) + "; give a longer text or a smaller -c");
  if (flags.max_windows > 0) n_windows = std::min(n_windows, size_t(flags.max_windows));
  Engine engine = open_engine(model, flags.model, 1, kLogitRows);
  ProgressLine progress("scoring");
  Window total;
  for (size_t w = 0; w < n_windows; ++w) {
    std::vector<int32_t> window(tokens.begin() + ptrdiff_t(w * n), tokens.begin() + ptrdiff_t((w + 1) * n));
    if (tokenizer["adds_bos"].get<bool>()) window[0] = tokenizer["bos"].get<int32_t>();
    score_window(engine, window, total);
    progress.update(w + 1, n_windows, 1, "windows");
    if (was_interrupted()) throw Interrupted();
  }
  progress.clear();
  print_result(total, n_windows, flags.format);
}

}  // namespace

void add_ppl_command(CLI::App& app) {
  const auto flags = std::make_shared<PplFlags>();
  CLI::App* command = app.add_subcommand("ppl", "perplexity of a text");
  add_model_file_flags(*command, flags->model);
  add_engine_flags(*command, flags->model);
  command->add_option("-f,--file", flags->file, "text file")->required();
  command->add_option("--windows", flags->max_windows, "score only the first windows (0: all)");
  command->add_option("-o,--output", flags->format, "md or json")->check(CLI::IsMember({"md", "json"}));
  command->callback([flags] { ppl(*flags); });
}

}  // namespace dunlin::cli
