// Whatever goes wrong in a step, a listener or the machine: every request is told once how it ended, and the
// host lives on.
#include <dlfcn.h>
#include <pthread.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <limits>
#include <stdexcept>
#include <thread>

#include "tests/support/engines.h"
#include "tests/support/faulty_device.h"

using namespace dunlin;
using namespace dunlin::testing;

namespace {

std::atomic<bool> no_more_threads{false};

}  // namespace

// What a process limit does, which does not bind root.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* argument) noexcept {
  if (no_more_threads) return EAGAIN;
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, start, argument);
}

namespace {

// Counts how often it is told the end, and throws where it is told to.
class Witness final : public GenerationListener {
 public:
  enum class Place { kNowhere, kPrefill, kScore, kToken, kFinished };
  explicit Witness(Place throws_at = Place::kNowhere) : throws_at_(throws_at) {}

  void on_prefill(int32_t, int32_t) override {
    if (hold.valid()) hold.wait();
    throw_at(Place::kPrefill);
  }
  void on_score(int32_t, float) override { throw_at(Place::kScore); }
  bool on_token(const TokenEvent& event) override {
    throw_at(Place::kToken);
    if (event.id >= 0) tokens.push_back(event.id);
    return true;
  }
  void on_finished(const GenerationResult& r) override {
    if (++n_finished == 1) done_.set_value(r);
    throw_at(Place::kFinished);
  }
  GenerationResult wait() { return done_.get_future().get(); }

  std::shared_future<void> hold;  // if valid, prefill ends no sooner
  std::vector<int32_t> tokens;
  std::atomic<int> n_finished{0};

 private:
  void throw_at(Place place) const {
    if (place == throws_at_) throw std::runtime_error("the listener's own");
  }
  Place throws_at_;
  std::promise<GenerationResult> done_;
};

using Place = Witness::Place;

std::unique_ptr<Engine> open_faulty(const std::shared_ptr<const Model>& model, Faults& faults,
                                    const char* device, int32_t n_sequences = 1) {
  Registry registry = test_registry();
  registry.add(make_faulty_backend(faults));
  EngineOptions options;
  options.device = device;
  options.n_ctx = 128;
  options.n_sequences = n_sequences;
  auto engine = Engine::create(model, registry, options, Log());
  REQUIRE(engine.is_ok());
  return std::move(engine).value();
}

GenerationRequest tale(int32_t max_tokens) {
  return greedy_request({3054, 585, 261}, max_tokens);
}

std::shared_ptr<Witness> submit(Engine& engine, GenerationRequest request,
                                Place throws_at = Place::kNowhere) {
  auto witness = std::make_shared<Witness>(throws_at);
  REQUIRE(engine.submit(std::move(request), witness).is_ok());
  return witness;
}

// Requests that are all with the engine before the first step has ended.
std::vector<std::shared_ptr<Witness>> submit_together(Engine& engine, int n) {
  std::promise<void> all_submitted;
  std::vector<std::shared_ptr<Witness>> witnesses;
  for (int i = 0; i < n; ++i) {
    witnesses.push_back(std::make_shared<Witness>());
    if (i == 0) witnesses[0]->hold = all_submitted.get_future().share();
    REQUIRE(engine.submit(tale(100), witnesses.back()).is_ok());
  }
  all_submitted.set_value();
  return witnesses;
}

}  // namespace

TEST_CASE("a step that fails ends its requests and those that wait with its error, and the engine goes on") {
  const auto model = open_model(kFairyGguf);
  const char* device = GENERATE(kFaultyId, kFaultyAheadId);
  const Fault fault = GENERATE(Fault::kStartFails, Fault::kWaitFails);
  const int32_t n_good_steps = GENERATE(1, 2, 6);
  Faults faults;
  const auto engine = open_faulty(model, faults, device);
  const auto expected = run(*engine, tale(12)).tokens;
  faults.arm(fault, n_good_steps);
  for (const auto& witness : submit_together(*engine, 3)) {
    const GenerationResult result = witness->wait();
    CHECK(result.reason == FinishReason::kError);
    CHECK(result.status.message().find(fault == Fault::kStartFails ? "did not start" : "did not end") !=
          std::string::npos);
    CHECK(witness->n_finished == 1);
  }
  CHECK(run(*engine, tale(12)).tokens == expected);
}

TEST_CASE("a step that throws stops the engine, which tells everybody and takes no more") {
  const auto model = open_model(kFairyGguf);
  const char* device = GENERATE(kFaultyId, kFaultyAheadId);
  const int32_t n_good_steps = GENERATE(1, 2, 6);
  Faults faults;
  const auto engine = open_faulty(model, faults, device, 2);
  faults.arm(Fault::kStartThrows, n_good_steps);
  const auto witnesses = submit_together(*engine, 4);
  for (const auto& witness : witnesses) {
    const GenerationResult result = witness->wait();
    CHECK(result.reason == FinishReason::kError);
    CHECK(result.status.code() == StatusCode::kInternal);
    CHECK(result.status.message().find("the step threw") != std::string::npos);
  }
  const auto refused = engine->submit(tale(4), std::make_shared<Witness>());
  REQUIRE_FALSE(refused.is_ok());
  CHECK(refused.message().find("the step threw") != std::string::npos);
  CHECK_FALSE(engine->measure_roofline().is_ok());
  CHECK_FALSE(engine->profile({}).is_ok());
  engine->cancel(1);
  for (const auto& witness : witnesses) CHECK(witness->n_finished == 1);
}

TEST_CASE("logits that are not finite end their request with an error that says so") {
  const auto model = open_model(kFairyGguf);
  const char* device = GENERATE(kFaultyId, kFaultyAheadId);
  const int32_t n_good_steps = GENERATE(0, 1, 5);
  const bool scores = GENERATE(false, true);
  Faults faults;
  const auto engine = open_faulty(model, faults, device);
  faults.arm(Fault::kLogitsNan, scores ? 0 : n_good_steps);
  GenerationRequest request = tale(scores ? 0 : 40);
  if (scores) request.score_from = 1;
  const auto witness = submit(*engine, std::move(request));
  const GenerationResult result = witness->wait();
  CHECK(result.reason == FinishReason::kError);
  CHECK(result.status.message().starts_with(kNonFiniteLogits));
  CHECK(int32_t(witness->tokens.size()) == (scores ? 0 : n_good_steps));
  CHECK(run(*engine, tale(4)).tokens.size() == 4);
}

TEST_CASE("what a listener throws ends its own request and no other") {
  const auto model = open_model(kFairyGguf);
  const char* device = GENERATE(kFaultyId, kFaultyAheadId);
  Faults faults;
  const auto engine = open_faulty(model, faults, device, 2);
  const auto expected = run(*engine, tale(40)).tokens;
  for (const Place place : {Place::kPrefill, Place::kScore, Place::kToken, Place::kFinished}) {
    GenerationRequest request = tale(8);
    if (place == Place::kScore) request.score_from = 1;
    const auto other = submit(*engine, tale(40));
    const auto thrower = submit(*engine, request, place);
    const GenerationResult result = thrower->wait();
    if (place == Place::kFinished) {
      CHECK(result.reason == FinishReason::kLength);
    } else {
      CHECK(result.reason == FinishReason::kError);
      CHECK(result.status.code() == StatusCode::kInternal);
      CHECK(result.status.message().find("the listener's own") != std::string::npos);
    }
    CHECK(other->wait().reason == FinishReason::kLength);
    CHECK(other->tokens == expected);
    CHECK(thrower->n_finished == 1);
  }
}

TEST_CASE("text that a listener cannot take at the end makes the end an error") {
  const auto model = open_model(kFairyGguf);
  Faults faults;
  const auto engine = open_faulty(model, faults, kFaultyId);
  // Held back as the beginning of a stop string until there is nothing more to come.
  const std::string text = run(*engine, tale(1)).text;
  REQUIRE_FALSE(text.empty());
  GenerationRequest request = tale(1);
  request.stop = {text + "and what does not follow"};
  class Thrower final : public GenerationListener {
   public:
    bool on_token(const TokenEvent& event) override {
      if (event.id < 0) throw std::runtime_error("no more text");
      return true;
    }
    void on_finished(const GenerationResult& r) override { done.set_value(r); }
    std::promise<GenerationResult> done;
  };
  const auto thrower = std::make_shared<Thrower>();
  REQUIRE(engine->submit(std::move(request), thrower).is_ok());
  const GenerationResult result = thrower->done.get_future().get();
  CHECK(result.reason == FinishReason::kError);
  CHECK(result.status.message().find("no more text") != std::string::npos);
}

TEST_CASE("what a measurement throws reaches the one who asked for it, and the engine goes on") {
  const auto model = open_model(kFairyGguf);
  Faults faults;
  const auto engine = open_faulty(model, faults, kFaultyId);
  faults.arm(Fault::kRooflineThrows);
  CHECK_THROWS_AS(engine->measure_roofline(), std::bad_alloc);
  faults.arm(Fault::kStartFails);
  CHECK_FALSE(engine->profile({}).is_ok());
  CHECK(run(*engine, tale(4)).tokens.size() == 4);
  CHECK(engine->profile({}).is_ok());
}

TEST_CASE("an engine whose thread the system does not start is an error with what to do") {
  const auto model = open_model(kFairyGguf);
  EngineOptions options;
  options.device = "cpu";
  options.n_ctx = 64;
  options.n_threads = 1;  // so that the engine's thread is the first that is asked for
  no_more_threads = true;
  const auto engine = Engine::create(model, test_registry(), options, Log());
  no_more_threads = false;
  REQUIRE_FALSE(engine.is_ok());
  CHECK(engine.status().code() == StatusCode::kResourceExhausted);
  CHECK(engine.message().find("process limit") != std::string::npos);
}
