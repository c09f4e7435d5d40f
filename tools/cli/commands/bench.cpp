// bench: tokens a second of prefill and decode, with the device's ceilings measured in the same run and a
// witness that the timed run computed the right tokens. No figure is printed without its witness.
#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <random>

#include "../exit_code.h"
#include "../interrupt.h"
#include "../json_text.h"
#include "../model_options.h"
#include "bench_ops.h"
#include "bench_report.h"
#include "commands.h"

namespace dunlin::cli {
namespace {

constexpr size_t kDecodePrompt = 4;     // tokens before a decode test at depth 0
constexpr size_t kSpecialTokens = 512;  // at the end of vocabularies, kept out of prompts
constexpr int32_t kWitnessTop = 20;     // candidates that a diverging token may be among

struct BenchFlags {
  ModelFlags model;
  std::vector<int32_t> prompts = {512};
  std::vector<int32_t> generate = {64};
  std::vector<int32_t> depths = {0};
  std::vector<int32_t> batches = {1};
  int32_t repetitions = 5;
  std::string format = "md";
  std::string op_words;  // of --ops
};

// Log-probabilities of the likeliest tokens at one place.
using TopLogprobs = std::vector<dunlin_token_logprob>;

// What came of one request; filled on the engine's thread.
struct Request {
  std::vector<int32_t> tokens;
  std::vector<TopLogprobs> top;  // by token, where asked for
  dunlin_result result{};
  std::string error;
  bool is_finished = false;
};

// Submits requests together and waits for all.
class Batch {
 public:
  Batch(Engine& engine, const std::vector<std::vector<int32_t>>& prompts, int32_t max_tokens,
        bool reuse_prefix, int32_t n_top_logprobs = 0)
      : requests_(prompts.size()) {
    dunlin_generation_options options = generation_options();
    options.max_tokens = max_tokens;
    options.temperature = 0;
    options.ignore_eos = 1;
    options.reuse_prefix = reuse_prefix;
    options.logprobs = n_top_logprobs > 0;
    options.n_top_logprobs = n_top_logprobs;
    contexts_.resize(prompts.size());
    for (size_t i = 0; i < prompts.size(); ++i) {
      requests_[i].tokens.reserve(size_t(std::max(1, max_tokens)));
      contexts_[i] = {this, i};
      engine.submit(prompts[i], options, callbacks(contexts_[i]));
    }
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [&] { return n_finished_ == requests_.size(); });
    for (const Request& r : requests_)
      if (!r.error.empty()) throw Error(DUNLIN_INTERNAL, r.error);
  }

  const std::vector<Request>& requests() const { return requests_; }

 private:
  struct Context {
    Batch* batch;
    size_t index;
  };

  static dunlin_callbacks callbacks(Context& context) {
    dunlin_callbacks c{};
    c.struct_size = sizeof(c);
    c.user_data = &context;
    c.on_token = [](void* user_data, const dunlin_token* token) -> int32_t {
      auto& [batch, index] = *static_cast<Context*>(user_data);
      Request& request = batch->requests_[index];
      if (token->id >= 0) request.tokens.push_back(token->id);
      if (token->n_top_logprobs > 0)
        request.top.emplace_back(token->top_logprobs, token->top_logprobs + token->n_top_logprobs);
      return !was_interrupted();
    };
    c.on_finished = [](void* user_data, const dunlin_result* result) {
      auto& [batch, index] = *static_cast<Context*>(user_data);
      const std::lock_guard lock(batch->mutex_);
      batch->requests_[index].result = *result;
      if (result->finish == DUNLIN_FINISH_ERROR) batch->requests_[index].error = result->message;
      ++batch->n_finished_;
      batch->finished_.notify_one();
    };
    return c;
  }

  std::vector<Request> requests_;
  std::vector<Context> contexts_;
  std::mutex mutex_;
  std::condition_variable finished_;
  size_t n_finished_ = 0;
};

std::vector<int32_t> random_tokens(size_t n, int32_t n_vocab, uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto limit = uint64_t(std::max<int64_t>(1, int64_t(n_vocab) - int64_t(kSpecialTokens)));
  std::vector<int32_t> tokens(n);
  for (int32_t& token : tokens) token = int32_t(random() % limit);
  return tokens;
}

std::string fingerprint(const std::vector<int32_t>& tokens) {
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const int32_t token : tokens) hash = (hash ^ uint64_t(uint32_t(token))) * 0x100000001b3u;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

// How a batch's tokens compare with those that each sequence gives alone.
struct Agreement {
  int32_t n_equal = 0;
  // Devices whose kernels round differently for one row and for many may take the other of two candidates
  // that are nearly equal; from there on the texts differ. Counted apart, with the widest gap between the
  // two.
  int32_t n_diverged = 0;
  double widest_gap = 0;  // in log-probability, infinite for a token that was no candidate at all

  void add(const std::vector<int32_t>& tokens, const Request& alone) {
    const auto n = std::min(tokens.size(), alone.tokens.size());
    const auto at =
        size_t(std::mismatch(tokens.begin(), tokens.begin() + ptrdiff_t(n), alone.tokens.begin()).first -
               tokens.begin());
    if (at == n) {
      n_equal += tokens.size() == alone.tokens.size();
      return;
    }
    ++n_diverged;
    double gap = HUGE_VAL;
    for (const dunlin_token_logprob& candidate : alone.top[at])
      if (candidate.token == tokens[at]) gap = double(alone.top[at][0].logprob) - double(candidate.logprob);
    widest_gap = std::max(widest_gap, gap);
  }
};

class Bench {
 public:
  Bench(Engine& engine, int32_t n_vocab, double bytes, double ops, double head_ops, int32_t repetitions)
      : engine_(engine),
        n_vocab_(n_vocab),
        bytes_(bytes),
        ops_(ops),
        head_ops_(head_ops),
        repetitions_(repetitions) {}

  // Prefill: every repetition must end in the same next token, which an untimed run in one piece less a row,
  // then a decode step, gives as well.
  BenchRow prefill(int32_t n_prompt) {
    BenchRow row{"pp" + std::to_string(n_prompt), {}, 0, 1, ops_ + head_ops_ / n_prompt, {}};
    const auto prompt = random_tokens(size_t(n_prompt), n_vocab_, 1);
    const std::vector<int32_t> expected = next_token_by_decode(prompt);
    bool same = true;
    for (int32_t i = 0; i <= repetitions_; ++i) {  // the first warms up
      const Batch batch(engine_, {prompt}, 1, false);
      const Request& r = batch.requests()[0];
      same &= r.tokens == expected;
      if (i > 0) row.samples.push_back({double(r.result.prefill_us) / 1e6, n_prompt});
    }
    row.witness = {{"next_token", expected[0]}, {"same_as_decode", same}};
    return row;
  }

  // Decode: all sequences of a batch must give the tokens that each gives alone.
  BenchRow decode(int32_t n_tokens, int32_t depth, int32_t n_batch) {
    std::string name = "tg" + std::to_string(n_tokens);
    if (depth > 0) name += "@d" + std::to_string(depth);
    if (n_batch > 1) name += "xb" + std::to_string(n_batch);
    BenchRow row{name, {}, bytes_, n_batch, ops_ + head_ops_, {}};
    std::vector<std::vector<int32_t>> prompts;
    for (int32_t i = 0; i < n_batch; ++i)
      prompts.push_back(
          random_tokens(std::max<size_t>(kDecodePrompt, size_t(depth)), n_vocab_, 100 + uint64_t(i)));
    std::vector<Request> alone;
    for (const auto& prompt : prompts) {
      Batch(engine_, {prompt}, 1, true);  // from here on its keys and values are known, as in the timed runs
      alone.push_back(Batch(engine_, {prompt}, n_tokens + 1, true, kWitnessTop).requests()[0]);
    }
    Agreement worst{n_batch};
    std::vector<int32_t> all;
    for (const Request& r : alone) all.insert(all.end(), r.tokens.begin(), r.tokens.end());
    for (int32_t i = 0; i < repetitions_; ++i) {
      const Batch batch(engine_, prompts, n_tokens + 1, true);
      int64_t slowest_us = 1;
      Agreement agreement;
      for (size_t s = 0; s < prompts.size(); ++s) {
        slowest_us = std::max(slowest_us, batch.requests()[s].result.decode_us);
        agreement.add(batch.requests()[s].tokens, alone[s]);
      }
      worst.n_equal = std::min(worst.n_equal, agreement.n_equal);
      worst.n_diverged = std::max(worst.n_diverged, agreement.n_diverged);
      worst.widest_gap = std::max(worst.widest_gap, agreement.widest_gap);
      // n_tokens steps follow the prefill's own token.
      row.samples.push_back({double(slowest_us) / 1e6, int64_t(n_tokens) * n_batch});
    }
    row.witness = {{"tokens", fingerprint(all)},
                   {"sequences", n_batch},
                   {"sequences_equal_alone", worst.n_equal},
                   {"diverged", worst.n_diverged},
                   {"widest_gap_at_divergence", worst.widest_gap}};
    return row;
  }

 private:
  std::vector<int32_t> next_token_by_decode(const std::vector<int32_t>& prompt) {
    if (prompt.size() > 1) Batch(engine_, {{prompt.begin(), prompt.end() - 1}}, 0, true);
    return Batch(engine_, {prompt}, 1, true).requests()[0].tokens;
  }

  Engine& engine_;
  int32_t n_vocab_;
  double bytes_, ops_, head_ops_;
  int32_t repetitions_;
};

int32_t needed_context(const BenchFlags& flags) {
  const auto largest = [](const std::vector<int32_t>& v) {
    return v.empty() ? 0 : *std::max_element(v.begin(), v.end());
  };
  return std::max(largest(flags.prompts),
                  largest(flags.depths) + int32_t(kDecodePrompt) + largest(flags.generate)) +
         1;
}

void bench(BenchFlags& flags) {
  if (flags.model.n_ctx == 0) flags.model.n_ctx = needed_context(flags);
  const Model model = open_model(flags.model);
  const int32_t n_sequences = *std::max_element(flags.batches.begin(), flags.batches.end());
  Engine engine = open_engine(model, flags.model, n_sequences);
  const Json info = parse_json(engine.describe_json());
  const Json file = parse_json(model.describe_json());
  const double ops = 2.0 * info["macs_per_token"].get<double>();
  const double head_ops = 2.0 * info["head_macs_per_token"].get<double>();
  BenchContext context{file["name"].get<std::string>(), file["file_bytes"].get<uint64_t>(),
                       info["bytes_per_token"].get<int64_t>(), info["device"].get<std::string>(),
                       info["n_threads"].get<int>()};
  if (context.model.empty()) context.model = file["architecture"].get<std::string>();
  for (const Json& part : info["parts"]) {
    context.load_bytes += part["file_bytes"].get<uint64_t>();
    context.load_seconds += part["load_seconds"].get<double>();
  }
  Bench bench(engine, model.n_vocab(), info["bytes_per_token"].get<double>(), ops, head_ops,
              flags.repetitions);
  // The ceilings are taken before each test, as machines are shared: each row carries those of its own
  // minute.
  std::vector<Json> rows;
  const auto add = [&](auto&& test) {
    const dunlin_roofline before = engine.measure_roofline();
    const BenchRow row = test();
    const dunlin_roofline after = engine.measure_roofline();
    context.read_gb_s = std::max(before.read_gb_s, after.read_gb_s);
    context.int8_tops = std::max(before.int8_tops, after.int8_tops);
    context.upload_gb_s = std::max(before.upload_gb_s, after.upload_gb_s);
    rows.push_back(to_json(context, row));
    if (was_interrupted()) throw Interrupted();
  };
  for (const int32_t n : flags.prompts)
    if (n > 0) add([&] { return bench.prefill(n); });
  for (const int32_t n : flags.generate)
    for (const int32_t depth : flags.depths)
      for (const int32_t batch : flags.batches)
        if (n > 0) add([&] { return bench.decode(n, depth, batch); });
  std::cout << format_rows(rows, flags.format);
  if (flags.format == "md") std::cout << '\n' << format_load(context);
}

}  // namespace

void add_bench_command(CLI::App& app) {
  const auto flags = std::make_shared<BenchFlags>();
  CLI::App* command = app.add_subcommand("bench", "measure speed against the device's ceilings");
  add_model_file_flags(*command, flags->model);
  add_engine_flags(*command, flags->model);
  const auto list = [&](const char* name, std::vector<int32_t>& values, int32_t least, const char* text) {
    command->add_option(name, values, text)
        ->delimiter(',')
        ->check(CLI::Range(least, 1 << 20))
        ->capture_default_str();
  };
  list("-p,--n-prompt", flags->prompts, 0, "prompt lengths, 0 for none");
  list("-n,--n-gen", flags->generate, 0, "tokens to generate, 0 for none");
  list("-d,--n-depth", flags->depths, 0, "tokens in the context before");
  list("-b,--n-parallel", flags->batches, 1, "sequences at a time");
  command->add_option("-r,--repetitions", flags->repetitions, "runs of each test")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("-o,--output", flags->format, "md, json or csv")
      ->check(CLI::IsMember({"md", "json", "csv"}));
  const CLI::Option* ops =
      command
          ->add_option("--ops", flags->op_words,
                       "measure single ops at real models' shapes instead of a model; words with commas "
                       "between leave those whose names have all of them: linear,7b,Q4_K")
          ->expected(0, 1);
  command->callback([flags, ops] {
    if (ops->count() == 0) return bench(*flags);
    if (flags->format == "csv") throw CLI::ValidationError("--ops", "is md or json");
    bench_ops(flags->model, {flags->op_words, flags->repetitions, flags->format});
  });
}

}  // namespace dunlin::cli
