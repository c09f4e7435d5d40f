#include "core/engine/engine.h"

#include <algorithm>
#include <future>
#include <system_error>

#include "core/base/exception_status.h"
#include "core/base/format_bytes.h"
#include "core/graph/op_info.h"
#include "core/graph/print.h"
#include "platforms/clock.h"

namespace dunlin {
namespace {

// Rows of prompts that may join a step in which others decode: about two decode steps' time on a CPU.
constexpr int32_t kPrefillRowsBesideDecode = 64;
constexpr int32_t kMaxSequences = 256;
constexpr int32_t kMaxBatch = 8192;
// Of all sequences together, so that positions and blocks of the KV cache are counted in 32 bits.
constexpr int64_t kMaxPositions = int64_t(1) << 30;

int64_t now_us() {
  return monotonic_ns() / 1000;
}

Status check_options(const EngineOptions& o, const ModelConfig& config) {
  if (o.n_ctx < 0 || o.n_ctx > config.n_ctx_train * 4)
    return Status::invalid("n_ctx is ", o.n_ctx, ", expected 1..", config.n_ctx_train * 4,
                           " (the model was trained for ", config.n_ctx_train, "), or 0 for the default");
  if (o.n_sequences < 1 || o.n_sequences > kMaxSequences)
    return Status::invalid("n_sequences is ", o.n_sequences, ", expected 1..", kMaxSequences);
  if (int64_t(o.n_ctx) * o.n_sequences > kMaxPositions)
    return Status::invalid("n_ctx is ", o.n_ctx, " and n_sequences ", o.n_sequences,
                           ", their product is more than ", kMaxPositions);
  if (o.n_batch < 1 || o.n_batch > kMaxBatch)
    return Status::invalid("n_batch is ", o.n_batch, ", expected 1..", kMaxBatch);
  return Status::ok();
}

ExecutorOptions executor_options(const EngineOptions& o, const ModelConfig& config) {
  ExecutorOptions e;
  static_cast<PlacementRequest&>(e) = o;
  e.n_threads = o.n_threads;
  e.n_threads_prefill = o.n_threads_prefill;
  e.n_ctx = o.n_ctx > 0 ? o.n_ctx : int32_t(std::min<int64_t>(config.n_ctx_train, kDefaultContext));
  e.n_sequences = o.n_sequences;
  e.n_rows = std::max(o.n_batch, o.n_sequences);
  e.n_logit_rows = std::clamp(o.n_logit_rows, o.n_sequences, e.n_rows);
  e.kv_type = o.kv_type;
  e.fuse = o.fuse;
  e.pack_cache = o.pack_cache;
  e.pack_cache_folder = o.pack_cache_folder;
  return e;
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(std::shared_ptr<const Model> model, const Registry& registry,
                                               const EngineOptions& options, const Log& log,
                                               const LoadProgress& progress) {
  DUNLIN_RETURN_IF_ERROR(check_options(options, model->config()));
  ExecutorOptions e = executor_options(options, model->config());
  e.n_choosable_tokens = int32_t(std::min<int64_t>(model->config().n_vocab, model->tokenizer().n_vocab()));
  DUNLIN_ASSIGN_OR_RETURN(auto executor, Executor::create(model->files(), registry, e, log, progress));
  std::unique_ptr<Engine> engine(new Engine(std::move(model), std::move(executor), options));
  engine->info_.n_ctx = e.n_ctx;
  engine->info_.n_batch = e.n_rows;
  engine->limits_ = {e.n_rows, e.n_logit_rows, std::max(kPrefillRowsBesideDecode, e.n_rows / 8)};
  try {
    engine->thread_ = std::thread([raw = engine.get()] { raw->loop(); });
  } catch (const std::system_error& error) {
    return Status::exhausted("the system does not start the engine's thread: ", error.what(),
                             "; use fewer threads or raise the process limit");
  }
  return engine;
}

Engine::Engine(std::shared_ptr<const Model> model, std::unique_ptr<Executor> executor,
               const EngineOptions& options)
    : model_(std::move(model)),
      executor_(std::move(executor)),
      kv_(executor_->n_blocks(), executor_->block_tokens(),
          [this](int32_t from, int32_t to) { executor_->copy_block(from, to); }) {
  info_.device = executor_->device_info();
  info_.placement = executor_->placement().reason;
  info_.n_sequences = options.n_sequences;
  for (size_t i = 0; i < executor_->parts().size(); ++i) describe_part(i);
  active_.reserve(size_t(options.n_sequences));
  views_.reserve(size_t(options.n_sequences));
  chunks_.reserve(size_t(options.n_sequences));
  parts_.reserve(size_t(options.n_sequences));
  finished_.reserve(size_t(options.n_sequences));
}

void Engine::describe_part(size_t index) {
  const ModelPart& part = *executor_->parts()[index];
  const ModelSlice& slice = executor_->placement().parts[index].slice;
  const EnginePart& described = info_.parts.emplace_back(EnginePart{
      part.device().info().id, slice.begin, slice.n_layer(), part.weights().bytes(), part.kv_bytes(),
      part.workspace_bytes(), part.weights().file_bytes(), part.weights().load_ns()});
  info_.weight_bytes += described.weight_bytes;
  info_.kv_bytes += described.kv_bytes;
  info_.workspace_bytes += described.workspace_bytes;
  const Graph& graph = part.graph_for(1);
  info_.weight_bytes_per_token += weight_bytes_per_token(graph);
  const int64_t head_macs = slice.has_head ? result_macs_per_token(graph) : 0;
  info_.head_macs_per_token += head_macs;
  info_.macs_per_token += macs_per_token(graph) - head_macs;
}

Engine::~Engine() {
  {
    const std::lock_guard lock(mutex_);
    mail_.stop = true;
    has_mail_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Result<uint64_t> Engine::submit(GenerationRequest request, std::shared_ptr<GenerationListener> listener) {
  const auto n_prompt = int64_t(request.prompt.size());
  const auto n_vocab = int32_t(model_->config().n_vocab);
  if (n_prompt == 0) return Status::invalid("the prompt is empty; give at least one token");
  const bool scores = request.score_from != -1;
  if (scores && (request.score_from < 1 || request.score_from >= n_prompt))
    return Status::invalid("scoring begins at token ", request.score_from, " of ", n_prompt,
                           ", expected 1 to the last: the token at 0 has no context");
  if (scores) {
    request.max_tokens = 0;
    request.reuse_prefix = false;
  }
  const bool generates = request.max_tokens != 0;
  if (n_prompt + (generates ? 1 : 0) > info_.n_ctx)
    return Status::context_exceeded("the prompt has ", n_prompt, " tokens and the context holds ",
                                    info_.n_ctx,
                                    generates ? ", of which one must stay free for the answer" : "",
                                    "; shorten the prompt or raise the context (n_ctx)");
  for (size_t i = 0; i < request.prompt.size(); ++i)
    if (request.prompt[i] < 0 || request.prompt[i] >= n_vocab)
      return Status::invalid("prompt token ", i, " is ", request.prompt[i], ", expected 0..", n_vocab - 1);
  const int32_t n_valid = std::min(n_vocab, model_->tokenizer().n_vocab());
  DUNLIN_ASSIGN_OR_RETURN(Sampler sampler,
                          Sampler::create(request.sampling, {n_vocab, n_valid, info_.n_ctx}));
  const uint64_t id = next_id_.fetch_add(1);
  auto sequence = std::make_unique<Sequence>(id, std::move(request), std::move(listener), std::move(sampler),
                                             model_->tokenizer(), info_.n_ctx);
  {
    const std::lock_guard lock(mutex_);
    DUNLIN_RETURN_IF_ERROR(stopped_);
    mail_.submitted.push_back(std::move(sequence));
    has_mail_ = true;
  }
  wake_.notify_one();
  return id;
}

void Engine::cancel(uint64_t id) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_.is_ok()) return;
    mail_.cancelled.push_back(id);
    has_mail_ = true;
  }
  wake_.notify_one();
}

EngineCounters Engine::counters() const {
  return {n_steps_.load(), n_rows_.load(), n_requests_.load()};
}

template <typename Value, typename Call>
Result<Value> Engine::call_on_thread(Call&& call) {
  // Shared, because the thread may still be inside it when this one has its answer.
  const auto promise = std::make_shared<std::promise<Result<Value>>>();
  {
    const std::lock_guard lock(mutex_);
    DUNLIN_RETURN_IF_ERROR(stopped_);
    mail_.calls.push_back([promise, &call](const Status& stopped) {
      try {
        promise->set_value(stopped.is_ok() ? Result<Value>(call()) : Result<Value>(stopped));
      } catch (...) {
        promise->set_exception(std::current_exception());
      }
    });
    has_mail_ = true;
  }
  wake_.notify_one();
  return promise->get_future().get();
}

Result<Device::Roofline> Engine::measure_roofline() {
  return call_on_thread<Device::Roofline>([&] { return executor_->measure_roofline(); });
}

Result<StepProfile> Engine::profile(const ProfileOptions& options) {
  const int64_t n_rows = int64_t(options.n_rows) * options.n_sequences;
  if (options.n_rows < 1 || options.n_sequences < 1 || options.n_sequences > info_.n_sequences ||
      n_rows > info_.n_batch)
    return Status::invalid("a step of ", options.n_sequences, " sequences with ", options.n_rows,
                           " rows each does not fit an engine of ", info_.n_sequences, " sequences and ",
                           info_.n_batch, " rows a step");
  if (options.depth < 0 || int64_t(options.depth) + options.n_rows > info_.n_ctx)
    return Status::context_exceeded("depth ", options.depth, " and ", options.n_rows,
                                    " rows do not fit the context of ", info_.n_ctx);
  if (options.n_repeats < 1)
    return Status::invalid("n_repeats is ", options.n_repeats, ", expected 1 or more");
  return call_on_thread<StepProfile>([&] { return profile_now(options); });
}

Result<StepProfile> Engine::profile_now(const ProfileOptions& options) {
  if (!active_.empty() || is_ahead_)
    return Status::invalid("a step can be profiled only while no request is running");
  std::vector<std::vector<int32_t>> blocks(static_cast<size_t>(options.n_sequences));
  bool reserved = true;
  for (auto& of_sequence : blocks) reserved &= kv_.reserve(options.depth + options.n_rows, of_sequence);
  Result<StepProfile> profile = Status::exhausted("no KV block is free");
  const auto release = [&] {
    for (auto& of_sequence : blocks) kv_.release({}, of_sequence, false);
  };
  try {
    if (reserved) profile = profile_step(*executor_, options, blocks);
  } catch (...) {
    release();
    throw;
  }
  release();
  return profile;
}

std::string Engine::describe_plan(int32_t n_rows) const {
  std::string text;
  for (const auto& part : executor_->parts()) {
    if (executor_->parts().size() > 1) text += str_cat("part on ", part->device().info().id, "\n");
    text += print_graph(part->graph_for(n_rows));
    text += "phases\n";
    for (const PhaseReport& phase : part->report_for(n_rows))
      text += str_cat(
          phase.name, "  [", phase.kernel, "]",
          phase.weight_bytes ? str_cat("  ", format_bytes(uint64_t(phase.weight_bytes))) : std::string(),
          "\n");
  }
  return text;
}

// The engine's thread.

void Engine::loop() noexcept {
  Status why;
  try {
    serve();
    why = Status::cancelled("the engine was closed");
  } catch (...) {
    why = status_of_exception();
  }
  close(std::move(why));
}

void Engine::serve() {
  while (read_mail(waiting_.empty() && active_.empty() && calls_.empty())) {
    if (!is_ahead_) run_calls();
    admit();
    if (!active_.empty()) step();
  }
}

void Engine::close(Status why) noexcept {
  Mail late;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = std::move(why);
    std::swap(late, mail_);
  }
  try {
    if (is_ahead_) (void)executor_->wait();
  } catch (...) {
    // Its results are nobody's, and why the engine stopped is known.
  }
  const bool cancelled = stopped_.code() == StatusCode::kCancelled;
  const FinishReason reason = cancelled ? FinishReason::kCancelled : FinishReason::kError;
  for (auto* list : {&active_, &waiting_, &inbox_.submitted, &late.submitted}) {
    for (const auto& sequence : *list)
      if (sequence != nullptr) sequence->finish(reason, stopped_, now_us());
    list->clear();
  }
  for (auto* list : {&calls_, &inbox_.calls, &late.calls})
    for (const ThreadCall& call : *list)
      if (call) call(stopped_);
}

bool Engine::read_mail(bool wait) {
  if (!wait && !has_mail_.load(std::memory_order_acquire)) return true;
  {
    std::unique_lock lock(mutex_);
    if (wait) wake_.wait(lock, [&] { return has_mail_.load(); });
    std::swap(inbox_, mail_);
    has_mail_ = false;
  }
  n_requests_ += inbox_.submitted.size();
  // What an exception keeps from being moved on is still in the inbox, where close() looks for it.
  for (auto& sequence : inbox_.submitted) waiting_.push_back(std::move(sequence));
  inbox_.submitted.clear();
  for (ThreadCall& call : inbox_.calls) calls_.push_back(std::move(call));
  inbox_.calls.clear();
  for (const uint64_t id : inbox_.cancelled) cancel_now(id);
  inbox_.cancelled.clear();
  return !inbox_.stop;
}

void Engine::cancel_now(uint64_t id) {
  const auto has_id = [&](const auto& sequence) { return sequence->id() == id; };
  if (const auto it = std::ranges::find_if(active_, has_id); it != active_.end()) return (*it)->cancel();
  const auto it = std::ranges::find_if(waiting_, has_id);
  if (it == waiting_.end()) return;
  const Status status = Status::cancelled("cancelled by the caller");
  const std::unique_ptr<Sequence> owned = std::move(*it);
  waiting_.erase(it);
  owned->finish(FinishReason::kCancelled, status, now_us());
}

void Engine::run_calls() {
  for (const ThreadCall& call : calls_) call(Status::ok());
  calls_.clear();
}

void Engine::admit() {
  while (!waiting_.empty() && int32_t(active_.size()) < info_.n_sequences) {
    active_.push_back(std::move(waiting_.front()));
    waiting_.erase(waiting_.begin());
    Sequence& sequence = *active_.back();
    int32_t n_reused = 0;
    // The last prompt token is always computed: its logits are wanted.
    const auto reusable = sequence.tokens().first(sequence.tokens().size() - 1);
    sequence.blocks().reserve(size_t(executor_->inputs().capacity().n_blocks_per_sequence));
    if (sequence.request().reuse_prefix) n_reused = kv_.reuse_prefix(reusable, sequence.blocks());
    sequence.start(n_reused, now_us());
  }
}

void Engine::finish(Sequence& sequence, FinishReason reason, const Status& status) {
  for (StepPart& part : parts_)
    if (part.sequence == &sequence) part.sequence = nullptr;
  const bool remember = sequence.request().reuse_prefix && reason != FinishReason::kError;
  kv_.release(sequence.tokens().first(size_t(sequence.n_computed())), sequence.blocks(), remember);
  const auto it = std::ranges::find_if(active_, [&](const auto& s) { return s.get() == &sequence; });
  const std::unique_ptr<Sequence> owned = std::move(*it);
  active_.erase(it);
  owned->finish(reason, status, now_us());
}

void Engine::fail_all(const Status& status) {
  if (is_ahead_) (void)executor_->wait();
  is_ahead_ = false;
  while (!active_.empty()) finish(*active_.back(), FinishReason::kError, status);
  for (auto& sequence : waiting_) sequence->finish(FinishReason::kError, status, now_us());
  waiting_.clear();
}

bool Engine::fill_step() {
  for (size_t i = active_.size(); i-- > 0;)
    if (active_[i]->is_cancelled())
      finish(*active_[i], FinishReason::kCancelled, Status::cancelled("cancelled by the caller"));
  views_.clear();
  for (const auto& sequence : active_) views_.push_back(sequence->view());
  schedule_step(views_, limits_, chunks_);
  StepInputs& inputs = executor_->inputs();
  inputs.clear();
  parts_.clear();
  for (const ScheduledChunk& chunk : chunks_) {
    Sequence& s = *active_[size_t(chunk.sequence)];
    if (!kv_.reserve(s.n_computed() + chunk.n_tokens, s.blocks())) {
      finish(s, FinishReason::kError, Status::exhausted("no KV block is free"));
      return fill_step();
    }
    const int32_t first_row = inputs.n_rows();
    const auto tokens = s.tokens().subspan(size_t(s.n_computed()), size_t(chunk.n_tokens));
    DUNLIN_CHECK(inputs.add_sequence(tokens, s.n_computed(), s.blocks()));
    const bool is_complete = chunk.n_tokens == s.n_pending();
    const int32_t first_wanted = s.is_scoring() ? s.n_unscored() : chunk.n_tokens - (is_complete ? 1 : 0);
    for (int32_t r = first_wanted; r < chunk.n_tokens; ++r) want_next_token(s, first_row + r, false);
    parts_.push_back({&s, chunk.n_tokens, std::max(0, chunk.n_tokens - first_wanted)});
  }
  return inputs.n_rows() > 0;
}

void Engine::want_next_token(Sequence& sequence, int32_t row, bool behind_unknown) {
  StepInputs& inputs = executor_->inputs();
  if (!device_chooses(sequence)) {
    DUNLIN_CHECK(inputs.want_logits(row));
    return;
  }
  const Sampler::DeviceChoice how = sequence.choice_for_device(behind_unknown);
  DUNLIN_CHECK(inputs.want_token(row, how.choice, how.window));
}

bool Engine::can_run_ahead() {
  if (!info_.device.runs_ahead || has_mail_.load(std::memory_order_acquire) || !calls_.empty()) return false;
  if (!waiting_.empty() && int32_t(active_.size()) < info_.n_sequences) return false;
  if (parts_.size() != active_.size()) return false;
  for (const StepPart& part : parts_) {
    if (part.sequence == nullptr || part.n_tokens != 1 || part.n_logit_rows != 1) return false;
    if (!device_chooses(*part.sequence) || !part.sequence->may_go_on_after_next()) return false;
  }
  for (const StepPart& part : parts_)
    if (!kv_.reserve(part.sequence->n_computed() + 2, part.sequence->blocks())) return false;
  return true;
}

Status Engine::start_ahead() {
  StepInputs& inputs = executor_->inputs();
  inputs.clear();
  for (const StepPart& part : parts_) {
    const int32_t row = inputs.n_rows();
    const int32_t token = chosen_token(row);
    DUNLIN_CHECK(inputs.add_sequence({&token, 1}, part.sequence->n_computed() + 1, part.sequence->blocks()));
    want_next_token(*part.sequence, row, true);
  }
  n_rows_ += uint64_t(inputs.n_rows());
  return executor_->start();
}

bool Engine::is_idle() const {
  return std::ranges::all_of(parts_, [](const StepPart& part) { return part.sequence == nullptr; });
}

void Engine::step() {
  if (!is_ahead_) {
    if (!fill_step()) {
      DUNLIN_CHECK(active_.empty());  // else it would be asked for ever
      return;
    }
    n_rows_ += uint64_t(executor_->inputs().n_rows());
    if (const Status status = executor_->start(); !status.is_ok()) return fail_all(status);
  }
  is_ahead_ = can_run_ahead();
  if (is_ahead_) {
    if (const Status status = start_ahead(); !status.is_ok()) {
      is_ahead_ = false;
      (void)executor_->wait();
      return fail_all(status);
    }
  }
  if (const Status status = executor_->wait(); !status.is_ok()) return fail_all(status);
  ++n_steps_;
  take_results();
  if (!is_ahead_ || !is_idle()) return;
  is_ahead_ = false;
  if (const Status status = executor_->wait(); !status.is_ok()) fail_all(status);
}

void Engine::take_results() {
  const int64_t now = now_us();
  int32_t logit_row = 0;
  finished_.clear();
  for (const StepPart& part : parts_) {
    if (part.sequence != nullptr) {
      const std::optional<FinishReason> reason = take_part_or_fail(part, logit_row, now);
      if (reason.has_value()) finished_.emplace_back(part.sequence, reason.value());
    }
    logit_row += part.n_logit_rows;
  }
  for (const auto& [sequence, why] : finished_)
    finish(*sequence, why, why == FinishReason::kError ? sequence->error() : Status::ok());
}

std::optional<FinishReason> Engine::take_part_or_fail(const StepPart& part, int32_t logit_row,
                                                      int64_t now_us) {
  try {
    return take_part(part, logit_row, now_us);
  } catch (const CheckFailure&) {
    throw;  // ours, and perhaps not of this sequence alone
  } catch (...) {
    part.sequence->fail(status_of_exception());
    return FinishReason::kError;
  }
}

std::optional<FinishReason> Engine::take_part(const StepPart& part, int32_t logit_row, int64_t now_us) {
  Sequence& s = *part.sequence;
  const auto n_vocab = size_t(executor_->n_vocab());
  const auto logits = [&](int32_t n_rows) {
    return executor_->logits().subspan(size_t(logit_row) * n_vocab, size_t(n_rows) * n_vocab);
  };
  const int32_t first_scored = s.n_computed() + std::max(0, s.n_unscored());
  const bool was_prefilling = !s.is_decoding();
  s.advance(part.n_tokens, now_us);
  if (was_prefilling && s.is_decoding() && s.request().reuse_prefix) kv_.share(s.tokens(), s.blocks());
  if (s.is_scoring()) {
    if (!s.score(logits(part.n_logit_rows), int64_t(n_vocab), first_scored, part.n_logit_rows))
      return FinishReason::kError;
    if (s.n_pending() == 0) return FinishReason::kLength;
    return std::nullopt;
  }
  if (s.n_pending() > 0) return std::nullopt;
  if (device_chooses(s)) return s.accept(executor_->tokens()[size_t(logit_row)], now_us);
  return s.sample(logits(1), now_us);
}

}  // namespace dunlin
