// Perplexity on a book that fairy-4m was not trained on.
#include <catch2/catch.hpp>

#include "tests/support/engines.h"

using namespace dunlin;
using namespace dunlin::testing;

namespace {

constexpr int32_t kWindow = 512;
constexpr int32_t kLogitRows = 128;

std::unique_ptr<Engine> scoring_engine(const std::shared_ptr<const Model>& model, const std::string& device,
                                       KvType kv_type = KvType::kF16) {
  EngineOptions options;
  options.device = device;
  options.n_ctx = kWindow;
  options.n_logit_rows = kLogitRows;
  options.kv_type = kv_type;
  return open_engine(model, options);
}

std::vector<int32_t> book(const Model& model) {
  auto ids = model.tokenizer().encode(read_text("tests/data/text/tales-valid.txt"));
  REQUIRE(ids.is_ok());
  return std::move(ids).value();
}

}  // namespace

TEST_CASE("the whole book on the default device: Q4_K_M 65.42 within 1 %, bf16 64.69 within 0.5 %") {
  const auto q4 = open_model(kFairyGguf);
  const auto tokens = book(*q4);
  const auto n_windows = int32_t(tokens.size()) / kWindow;
  CHECK(perplexity(*scoring_engine(q4, "auto"), tokens, n_windows) == Approx(65.42).epsilon(0.01));
  const auto bf16 = open_model(kFairyDirectory);
  CHECK(perplexity(*scoring_engine(bf16, "auto"), tokens, n_windows) == Approx(64.69).epsilon(0.005));
}

TEST_CASE("every device is within 1 % of the reference on the same file, an 8-bit KV cache too") {
  constexpr int32_t kFew = 4;
  const auto model = open_model(kFairyGguf);
  const auto tokens = book(*model);
  const double reference = perplexity(*scoring_engine(model, "reference"), tokens, kFew);
  for (const std::string& device : device_ids()) {
    INFO(device);
    CHECK(perplexity(*scoring_engine(model, device), tokens, kFew) == Approx(reference).epsilon(0.01));
    CHECK(perplexity(*scoring_engine(model, device, KvType::kQ8_0), tokens, kFew) ==
          Approx(reference).epsilon(0.01));
  }
}

TEST_CASE("with an FP8 KV cache every device is within 2 % of the reference with F16") {
  constexpr int32_t kFew = 2;
  for (const char* file : {kFairyGguf, kFairyDirectory}) {
    const auto model = open_model(file);
    const auto tokens = book(*model);
    const double reference = perplexity(*scoring_engine(model, "reference"), tokens, kFew);
    for (const std::string& device : device_ids()) {
      INFO(file << " on " << device);
      const double found = perplexity(*scoring_engine(model, device, KvType::kFp8), tokens, kFew);
      CHECK(found == Approx(reference).epsilon(0.02));
      CHECK(found != reference);  // the cache's type is in use
    }
  }
}
