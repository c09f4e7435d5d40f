// The engine as a whole: batches, prefixes, cancellation, limits.
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "platforms/topology.h"
#include "tests/support/ahead_device.h"
#include "tests/support/engines.h"

using namespace dunlin;
using namespace dunlin::testing;

namespace {

std::vector<int32_t> encode(const Model& model, const char* text) {
  auto ids = model.tokenizer().encode(text);
  REQUIRE(ids.is_ok());
  return std::move(ids).value();
}

constexpr const char* kPrompts[] = {"Once upon a time there was a poor woodcutter",
                                    "The dragon",
                                    "A princess who",
                                    "In a dark forest there lived three bears, and the",
                                    "One day the king said",
                                    "The fox",
                                    "Far away across the sea",
                                    "She opened the door and"};

EngineOptions options_for(int32_t n_sequences, int32_t n_batch = 512) {
  EngineOptions options;
  options.n_ctx = 512;
  options.n_sequences = n_sequences;
  options.n_batch = n_batch;
  return options;
}

// For tests that compare texts of one prompt in different steps.
EngineOptions exact_options_for(int32_t n_sequences, int32_t n_batch = 512) {
  EngineOptions options = options_for(n_sequences, n_batch);
  options.device = exact_device_ids().front();
  return options;
}

using Recorders = std::vector<std::shared_ptr<Recorder>>;

Recorders submit_all(Engine& engine, const Model& model, int32_t max_tokens, bool reuse) {
  Recorders recorders;
  for (const char* prompt : kPrompts) {
    recorders.push_back(std::make_shared<Recorder>());
    GenerationRequest request = greedy_request(encode(model, prompt), max_tokens);
    request.reuse_prefix = reuse;
    REQUIRE(engine.submit(std::move(request), recorders.back()).is_ok());
  }
  return recorders;
}

std::vector<std::vector<int32_t>> tokens_of(const Recorders& recorders) {
  std::vector<std::vector<int32_t>> tokens;
  for (const auto& recorder : recorders) tokens.push_back(recorder->wait().tokens);
  return tokens;
}

std::vector<std::vector<int32_t>> run_all(Engine& engine, const Model& model, int32_t max_tokens,
                                          bool reuse) {
  return tokens_of(submit_all(engine, model, max_tokens, reuse));
}

// A request that takes its time, so that a test can do something meanwhile.
class SlowRecorder final : public GenerationListener {
 public:
  bool on_token(const TokenEvent& event) override {
    if (++n_seen == 3) started.set_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return recorder->on_token(event) && go_on;
  }
  void on_finished(const GenerationResult& result) override { recorder->on_finished(result); }

  const std::shared_ptr<Recorder> recorder = std::make_shared<Recorder>();
  std::promise<void> started;  // three tokens are there
  std::atomic<int32_t> n_seen{0};
  std::atomic<bool> go_on{true};
};

// Submits another request when it is told the end.
class AsksAgain final : public GenerationListener {
 public:
  explicit AsksAgain(Engine& engine) : engine_(engine) {}
  bool on_token(const TokenEvent&) override { return true; }
  void on_finished(const GenerationResult& r) override {
    result = r;
    answer = engine_.submit(greedy_request({5, 6}, 4), std::make_shared<Recorder>()).status();
  }
  GenerationResult result;
  Status answer;

 private:
  Engine& engine_;
};

// The text of a request on an engine of its own, and the rows that its steps had.
uint64_t rows_of(const std::shared_ptr<const Model>& model, const char* device, GenerationRequest request,
                 std::string& text) {
  EngineOptions options = options_for(1);
  options.device = device;
  const auto engine = open_engine(model, options);
  text = run(*engine, std::move(request)).text;
  return engine->counters().n_rows;
}

}  // namespace

TEST_CASE("a batch of eight gives the greedy text of eight single runs on every exact device") {
  for (const char* path : {kFairyGguf, kFairyDirectory}) {
    const auto model = open_model(path);
    for (const std::string& device : exact_device_ids()) {
      INFO(path << " on " << device);
      EngineOptions one = options_for(1), eight = options_for(8);
      one.device = eight.device = device;
      const int32_t n = device == "reference" ? 8 : 48;
      CHECK(run_all(*open_engine(model, eight), *model, n, false) ==
            run_all(*open_engine(model, one), *model, n, false));
    }
  }
}

TEST_CASE("every device gives the same text every time") {
  const auto model = open_model(kFairyGguf);
  for (const std::string& device : device_ids()) {
    INFO(device);
    EngineOptions options = options_for(1);
    options.device = device;
    const auto engine = open_engine(model, options);
    GenerationRequest request = greedy_request(encode(*model, kPrompts[0]), device == "reference" ? 4 : 64);
    request.reuse_prefix = false;
    const auto first = run(*engine, request).tokens;
    for (int round = 0; round < 4; ++round) CHECK(run(*engine, request).tokens == first);
  }
}

TEST_CASE("text does not depend on how a prompt is cut into steps") {
  const auto model = open_model(kFairyGguf);
  const auto prompt = encode(*model, read_text("tests/data/text/tales-valid.txt").substr(0, 900).c_str());
  const auto whole = run(*open_engine(model, exact_options_for(1)), greedy_request(prompt, 32)).tokens;
  for (const int32_t n_batch : {1, 7, 64, 129})
    CHECK(run(*open_engine(model, exact_options_for(1, n_batch)), greedy_request(prompt, 32)).tokens ==
          whole);
}

TEST_CASE("a reused prefix changes the work, not the text") {
  const auto model = open_model(kFairyGguf);
  const auto engine = open_engine(model, exact_options_for(2));
  auto prompt = encode(*model, read_text("tests/data/text/tales-valid.txt").substr(0, 1200).c_str());
  GenerationRequest cold = greedy_request(prompt, 24);
  cold.reuse_prefix = false;
  const Outcome fresh = run(*engine, cold);
  CHECK(fresh.result.stats.n_reused == 0);
  CHECK(run(*engine, greedy_request(prompt, 24)).tokens == fresh.tokens);
  const Outcome again = run(*engine, greedy_request(prompt, 24));
  CHECK(again.tokens == fresh.tokens);
  CHECK(again.result.stats.n_reused == int32_t(prompt.size()) - 1);
  // Another text that shares a part that ends inside a block.
  prompt.resize(prompt.size() - 37);
  GenerationRequest other = greedy_request(prompt, 24);
  other.reuse_prefix = false;
  const Outcome other_fresh = run(*engine, other);
  other.reuse_prefix = true;
  const Outcome other_reused = run(*engine, other);
  CHECK(other_reused.tokens == other_fresh.tokens);
  CHECK(other_reused.result.stats.n_reused > 0);
}

TEST_CASE("many requests through few places, with eviction") {
  const auto model = open_model(kFairyGguf);
  const auto engine = open_engine(model, exact_options_for(3, 64));
  const auto expected = run_all(*open_engine(model, exact_options_for(1)), *model, 20, false);
  for (int round = 0; round < 4; ++round) CHECK(run_all(*engine, *model, 20, true) == expected);
}

TEST_CASE("no more threads work than there are CPUs") {
  const auto model = open_model(kFairyGguf);
  EngineOptions options = options_for(1);
  options.device = "cpu";
  const int32_t n_cpus = n_usable_cpus(detect_topology());
  options.n_threads = n_cpus + 3;
  std::string said;
  const Log log([&](LogLevel, std::string_view message) { said += message; });
  const auto engine = open_engine(model, options, log);
  CHECK(engine->info().device.n_threads == n_cpus);
  CHECK(said.find(str_cat("n_threads is ", n_cpus + 3, ", and ", n_cpus, " CPUs are usable")) !=
        std::string::npos);
  options.n_threads = 1;
  CHECK(open_engine(model, options)->info().device.n_threads == 1);
}

TEST_CASE("two engines on one model do not disturb each other") {
  const auto model = open_model(kFairyGguf);
  const auto expected = run_all(*open_engine(model, exact_options_for(1)), *model, 24, false);
  const auto a = open_engine(model, exact_options_for(2)), b = open_engine(model, exact_options_for(2));
  // Both run while this thread waits.
  const Recorders by_a = submit_all(*a, *model, 24, true), by_b = submit_all(*b, *model, 24, true);
  CHECK(tokens_of(by_a) == expected);
  CHECK(tokens_of(by_b) == expected);
}

TEST_CASE("engines with long contexts share a device and do not disturb each other") {
  const auto model = open_model(kFairyGguf);
  const auto prompt = encode(*model, read_text("tests/data/text/tales-valid.txt").substr(0, 2600).c_str());
  REQUIRE(prompt.size() > 512);  // on a GPU: more than one CTA for a head
  for (const std::string& device : device_ids()) {
    if (device == "reference") continue;
    INFO(device);
    EngineOptions options = options_for(1);
    options.device = device;
    options.n_ctx = 1024;
    const GenerationRequest request = greedy_request(prompt, 100);
    const auto expected = run(*open_engine(model, options), request).tokens;
    std::vector<std::unique_ptr<Engine>> engines;
    for (int i = 0; i < 3; ++i) engines.push_back(open_engine(model, options));
    Recorders recorders;
    for (const auto& engine : engines) {
      recorders.push_back(std::make_shared<Recorder>());
      REQUIRE(engine->submit(request, recorders.back()).is_ok());
    }
    for (const auto& tokens : tokens_of(recorders)) CHECK(tokens == expected);
  }
}

TEST_CASE("a request can be cancelled while it runs") {
  const auto model = open_model(kFairyGguf);
  const auto engine = open_engine(model, options_for(1));
  const auto running = std::make_shared<SlowRecorder>();
  const auto id = engine->submit(greedy_request(encode(*model, "The king"), 400), running);
  REQUIRE(id.is_ok());
  running->started.get_future().wait();
  engine->cancel(*id);
  engine->cancel(*id);
  engine->cancel(*id + 1);  // there is none
  const Outcome outcome = running->recorder->wait();
  CHECK(outcome.result.reason == FinishReason::kCancelled);
  CHECK(outcome.tokens.size() >= 3);
  CHECK(outcome.tokens.size() < 400);
}

TEST_CASE("a request that waits ends when it is cancelled, and the one that runs goes on") {
  const auto model = open_model(kFairyGguf);
  const auto engine = open_engine(model, options_for(1));
  const auto running = std::make_shared<SlowRecorder>();
  REQUIRE(engine->submit(greedy_request(encode(*model, "The king"), 400), running).is_ok());
  running->started.get_future().wait();
  const auto waiting = std::make_shared<Recorder>();
  const auto waiting_id = engine->submit(greedy_request(encode(*model, "The queen"), 400), waiting);
  REQUIRE(waiting_id.is_ok());
  engine->cancel(*waiting_id);
  const Outcome second = waiting->wait();
  CHECK(second.result.reason == FinishReason::kCancelled);
  CHECK(second.result.status.code() == StatusCode::kCancelled);
  CHECK(second.tokens.empty());
  CHECK(running->n_seen < 400);
  running->go_on = false;
  CHECK(running->recorder->wait().result.reason == FinishReason::kCancelled);
}

TEST_CASE("a listener's false ends the generation") {
  const auto model = open_model(kFairyGguf);
  const auto engine = open_engine(model, options_for(1));
  const auto recorder = std::make_shared<Recorder>();
  recorder->on_each = [](int32_t n) { return n < 5; };
  REQUIRE(engine->submit(greedy_request(encode(*model, "The king"), 400), recorder).is_ok());
  const Outcome outcome = recorder->wait();
  CHECK(outcome.tokens.size() == 5);
  CHECK(outcome.result.reason == FinishReason::kCancelled);
}

TEST_CASE("closing an engine ends what runs and what waits, and takes no more") {
  const auto model = open_model(kFairyGguf);
  auto engine = open_engine(model, options_for(1));
  const auto running = std::make_shared<SlowRecorder>();
  REQUIRE(engine->submit(greedy_request(encode(*model, "The king"), 400), running).is_ok());
  running->started.get_future().wait();
  const auto waiting = std::make_shared<AsksAgain>(*engine);
  REQUIRE(engine->submit(greedy_request(encode(*model, "The queen"), 400), waiting).is_ok());
  engine.reset();
  CHECK(running->recorder->wait().result.reason == FinishReason::kCancelled);
  CHECK(waiting->result.reason == FinishReason::kCancelled);
  CHECK(waiting->answer.code() == StatusCode::kCancelled);
}

TEST_CASE("ceilings are measured while no step runs, also where the next is started ahead") {
  const auto model = open_model(kFairyGguf);
  EngineOptions options = options_for(1);
  options.device = kAheadId;
  const auto engine = open_engine(model, options);
  const auto recorder = std::make_shared<Recorder>();
  std::future<Result<Device::Roofline>> measured;
  recorder->on_each = [&](int32_t n) {
    if (n != 20) return true;
    measured = std::async(std::launch::async,
                          [&]() -> Result<Device::Roofline> { return engine->measure_roofline(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // until it has asked
    return true;
  };
  REQUIRE(engine->submit(greedy_request(encode(*model, "The king"), 60), recorder).is_ok());
  CHECK(recorder->wait().tokens.size() == 60);
  CHECK(measured.get().is_ok());
}

TEST_CASE("a prompt that does not fit is an error with both counts") {
  const auto model = open_model(kFairyGguf);
  EngineOptions options = options_for(1);
  options.n_ctx = 16;
  const auto engine = open_engine(model, options);
  const auto refused =
      engine->submit(greedy_request(std::vector<int32_t>(16, 5), 1), std::make_shared<Recorder>());
  REQUIRE_FALSE(refused.is_ok());
  CHECK(refused.status().code() == StatusCode::kContextExceeded);
  CHECK(refused.message().find("16 tokens") != std::string::npos);
  CHECK(refused.message().find("context holds 16") != std::string::npos);
  const Outcome longest = run(*engine, greedy_request(std::vector<int32_t>(15, 5), -1));
  CHECK(longest.result.reason == FinishReason::kLength);
  CHECK(longest.tokens.size() == 1);
}

TEST_CASE("a stop string ends the text before it, across token borders") {
  const auto model = open_model(kFairyGguf);
  const auto engine = open_engine(model, options_for(1));
  const Outcome full = run(*engine, greedy_request(encode(*model, kPrompts[0]), 40));
  REQUIRE(full.text.size() > 30);
  const std::string stop = full.text.substr(17, 6);
  GenerationRequest request = greedy_request(encode(*model, kPrompts[0]), 40);
  request.stop = {stop};
  const Outcome stopped = run(*engine, request);
  CHECK(stopped.result.reason == FinishReason::kStopString);
  CHECK(stopped.text == full.text.substr(0, full.text.find(stop)));
}

TEST_CASE("a step that was started ahead is for nothing when the text ends before it") {
  const auto model = open_model(kFairyGguf);
  GenerationRequest request = greedy_request(encode(*model, kPrompts[0]), 40);
  std::string full, ahead;
  // The last of the wanted tokens is known to be the last.
  CHECK(rows_of(model, "cpu", request, full) == rows_of(model, "ahead", request, ahead));
  CHECK(full == ahead);
  request.stop = {full.substr(17, 6)};
  CHECK(rows_of(model, "cpu", request, full) + 1 == rows_of(model, "ahead", request, ahead));
  CHECK(full == ahead);
}

namespace {

// Requests of every kind, one a prompt: what a device chooses itself, and what only the host does.
std::vector<GenerationRequest> mixed_requests(const Model& model, uint64_t seed, bool with_host_only) {
  std::vector<GenerationRequest> requests;
  for (const char* prompt : kPrompts) {
    GenerationRequest request = greedy_request(encode(model, prompt), 24 + int32_t(requests.size()));
    request.reuse_prefix = false;
    request.sampling = SamplingParams{};
    request.sampling.seed = seed + requests.size();
    requests.push_back(std::move(request));
  }
  requests[0].sampling.temperature = 0;
  requests[1].sampling.top_k = 0, requests[1].sampling.top_p = 1, requests[1].sampling.min_p = 0;
  requests[2].sampling.repeat_penalty = 1.4f, requests[2].sampling.temperature = 1.2f;
  requests[3].sampling.temperature = 0, requests[3].sampling.presence_penalty = 1;
  requests[3].sampling.repeat_last_n = 5;
  requests[4].sampling.frequency_penalty = 0.5f, requests[4].sampling.top_k = 0;
  requests[4].sampling.repeat_last_n = 7;
  requests[5].sampling.top_p = 0.7f, requests[5].sampling.min_p = 0;
  if (!with_host_only) return requests;
  requests[6].sampling.typical_p = 0.9f;
  requests[7].sampling.repeat_last_n = -1, requests[7].sampling.presence_penalty = 0.7f;
  requests[5].sampling.logit_bias = {{300, 5.0f}};
  requests[0].sampling.logprobs = true;
  return requests;
}

std::vector<std::vector<int32_t>> run_requests(Engine& engine, std::vector<GenerationRequest> requests) {
  Recorders recorders;
  for (GenerationRequest& request : requests) {
    recorders.push_back(std::make_shared<Recorder>());
    REQUIRE(engine.submit(std::move(request), recorders.back()).is_ok());
  }
  return tokens_of(recorders);
}

}  // namespace

TEST_CASE("a device that chooses tokens gives the texts of the host's sampler, in any batch, ahead or not") {
  const auto model = open_model(kFairyGguf);
  for (const bool with_host_only : {false, true}) {
    for (uint64_t seed = 0; seed < 3; ++seed) {
      EngineOptions host = options_for(8), device = options_for(8), one = options_for(1);
      host.device = "cpu";
      device.device = one.device = kAheadId;
      INFO("seed " << seed << (with_host_only ? ", some for the host" : ""));
      const auto expected =
          run_requests(*open_engine(model, host), mixed_requests(*model, 10 * seed, with_host_only));
      CHECK(run_requests(*open_engine(model, device), mixed_requests(*model, 10 * seed, with_host_only)) ==
            expected);
      // Alone, every request runs ahead that may.
      CHECK(run_requests(*open_engine(model, one), mixed_requests(*model, 10 * seed, with_host_only)) ==
            expected);
    }
  }
}

TEST_CASE("sampled sequences run ahead, too: only what a stop string cuts off is for nothing") {
  const auto model = open_model(kFairyGguf);
  GenerationRequest request = mixed_requests(*model, 3, false)[2];
  std::string full, ahead;
  CHECK(rows_of(model, "cpu", request, full) == rows_of(model, kAheadId, request, ahead));
  CHECK(full == ahead);
  request.stop = {full.substr(17, 6)};
  CHECK(rows_of(model, "cpu", request, full) + 1 == rows_of(model, kAheadId, request, ahead));
  CHECK(full == ahead);
  request.sampling.logit_bias = {{0, -1.0f}};  // the host samples: nothing is started ahead
  CHECK(rows_of(model, "cpu", request, full) == rows_of(model, kAheadId, request, ahead));
}

TEST_CASE("the same seed gives the same text in any batch, another seed another") {
  const auto model = open_model(kFairyGguf);
  const auto engine = open_engine(model, exact_options_for(4));
  GenerationRequest request = greedy_request(encode(*model, kPrompts[1]), 24);
  request.sampling.temperature = 1;
  request.sampling.seed = 7;
  const auto alone = run(*engine, request).tokens;
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (uint64_t seed = 6; seed < 10; ++seed) {
    recorders.push_back(std::make_shared<Recorder>());
    request.sampling.seed = seed;
    REQUIRE(engine->submit(request, recorders.back()).is_ok());
  }
  CHECK(recorders[0]->wait().tokens != alone);
  CHECK(recorders[1]->wait().tokens == alone);
}

// A SentencePiece token may begin with a space that stands for the start of a text.
TEST_CASE("prompt and completion decode to what both of them together do") {
  const auto model = open_model("tests/data/golden/tiny-mistral/tiny-mistral-bf16.gguf");
  const Tokenizer& tokenizer = model->tokenizer();
  const std::vector<int32_t> with_space = encode(*model, "the");
  const int32_t word = with_space.back();
  REQUIRE(tokenizer.piece(word).starts_with(' '));
  EngineOptions options;
  options.n_ctx = 64;
  auto engine = open_engine(model, options);
  for (const std::vector<int32_t>& prompt :
       {std::vector<int32_t>{tokenizer.bos()}, {tokenizer.bos(), word}, {word, tokenizer.bos()}}) {
    GenerationRequest request = greedy_request(prompt, 2);
    request.sampling.logit_bias = {{word, 100.0f}};
    const Outcome outcome = run(*engine, std::move(request));
    REQUIRE(outcome.tokens == std::vector<int32_t>{word, word});
    std::vector<int32_t> all = prompt;
    all.insert(all.end(), outcome.tokens.begin(), outcome.tokens.end());
    CHECK(tokenizer.decode(prompt) + outcome.text == tokenizer.decode(all));
  }
}
