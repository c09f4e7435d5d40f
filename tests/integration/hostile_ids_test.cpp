// Requests with values that no engine may take.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "tests/support/engines.h"

using namespace dunlin;
using namespace dunlin::testing;

TEST_CASE("token ids out of range are refused by place and value") {
  const auto model = open_model(kFairyGguf);
  EngineOptions options;
  options.n_ctx = 64;
  const auto engine = open_engine(model, options);
  for (const int32_t bad : {-1, 4096, 1 << 30, INT32_MIN}) {
    const auto refused = engine->submit(greedy_request({1, 2, bad}, 4), std::make_shared<Recorder>());
    REQUIRE_FALSE(refused.is_ok());
    CHECK(refused.status().code() == StatusCode::kInvalidArgument);
    CHECK(refused.message().find(str_cat("prompt token 2 is ", bad)) != std::string::npos);
  }
  CHECK_FALSE(engine->submit(greedy_request({}, 4), std::make_shared<Recorder>()).is_ok());
}

TEST_CASE("a scoring that begins outside of its tokens is refused, and the engine goes on") {
  const auto model = open_model(kFairyGguf);
  EngineOptions options;
  options.n_ctx = 64;
  options.n_logit_rows = 8;
  options.n_sequences = 2;
  const auto engine = open_engine(model, options);
  GenerationRequest request;
  request.prompt = {5, 6, 7, 8};
  for (const int32_t bad : {0, -2, 4, 5, INT32_MAX, INT32_MIN}) {
    request.score_from = bad;
    const auto refused = engine->submit(request, std::make_shared<Recorder>());
    REQUIRE_FALSE(refused.is_ok());
    CHECK(refused.status().code() == StatusCode::kInvalidArgument);
    CHECK(refused.message().find(str_cat("token ", bad, " of 4")) != std::string::npos);
  }
  request.score_from = 3;
  CHECK(run(*engine, request).scores.size() == 1);
  request.score_from = 1;
  CHECK(run(*engine, request).scores.size() == 3);
}

TEST_CASE("sampling parameters out of range are refused by name") {
  const auto model = open_model(kFairyGguf);
  EngineOptions options;
  options.n_ctx = 64;
  const auto engine = open_engine(model, options);
  GenerationRequest request = greedy_request({1, 2}, 4);
  request.sampling.temperature = NAN;
  auto refused = engine->submit(request, std::make_shared<Recorder>());
  REQUIRE_FALSE(refused.is_ok());
  CHECK(refused.message().find("temperature") != std::string::npos);
  request.sampling.temperature = 1;
  request.sampling.logit_bias = {{5000, 1.0f}};
  CHECK_FALSE(engine->submit(request, std::make_shared<Recorder>()).is_ok());
}

TEST_CASE("engine options out of range are refused") {
  const auto model = open_model(kFairyGguf);
  const auto refused = [&](auto&& change) {
    EngineOptions options;
    change(options);
    return Engine::create(model, test_registry(), options, Log()).status();
  };
  CHECK(refused([](EngineOptions& o) { o.n_ctx = -1; }).message().find("n_ctx") != std::string::npos);
  CHECK(refused([](EngineOptions& o) { o.n_sequences = 0; }).message().find("n_sequences") !=
        std::string::npos);
  CHECK(refused([](EngineOptions& o) { o.n_batch = 0; }).message().find("n_batch") != std::string::npos);
  CHECK(refused([](EngineOptions& o) { o.device = "cuda:7"; }).code() == StatusCode::kNotFound);
}

TEST_CASE("a context that nobody's memory holds is refused, however large the numbers") {
  std::string bytes = read_text(kFairyGguf);
  const std::string key = "qwen2.context_length";
  const uint32_t trained_for = 1 << 30;
  const size_t value = bytes.find(key) + key.size() + sizeof(uint32_t);  // behind its type
  REQUIRE(value < bytes.size());
  std::memcpy(bytes.data() + value, &trained_for, sizeof trained_for);
  const std::span all(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const auto model = Model::open_bytes(all, "long", {}, Log());
  REQUIRE(model.is_ok());
  REQUIRE((*model)->config().n_ctx_train == trained_for);
  const auto refused = [&](int32_t n_ctx, int32_t n_sequences) {
    EngineOptions options;
    options.device = "cpu";
    options.n_ctx = n_ctx;
    options.n_sequences = n_sequences;
    return Engine::create(*model, test_registry(), options, Log()).status();
  };
  CHECK(refused(INT32_MAX, 1).code() == StatusCode::kInvalidArgument);
  CHECK(refused(1 << 30, 256).code() == StatusCode::kInvalidArgument);
  CHECK(refused(1 << 23, 256).message().find("n_sequences 256") != std::string::npos);
  const Status too_large = refused(1 << 30, 1);
  CHECK(too_large.code() == StatusCode::kResourceExhausted);
  CHECK(too_large.message().find("KV cache 2") != std::string::npos);  // thousands of GB
}
