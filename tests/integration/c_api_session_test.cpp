// Requests and sessions through the C API: every end is told, a cancellation is never lost, and what is
// remembered is what was said.
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "core/api/running_request.h"
#include "dunlin/dunlin.hpp"

namespace {

constexpr const char* kModel = "tests/data/models/fairy-4m-q4_k_m.gguf";

dunlin_generation_options greedy(int32_t max_tokens) {
  dunlin_generation_options options = dunlin::generation_options();
  options.temperature = 0;
  options.max_tokens = max_tokens;
  options.ignore_eos = 1;
  return options;
}

bool ignore(std::string_view) {
  return true;
}

// What the callbacks of one request tell, and what they do at the first prefill and at the third token.
struct Witness {
  std::function<void()> at_prefill, at_third_token;
  std::chrono::milliseconds a_token{0};  // takes so long, so that something can be done meanwhile
  std::vector<int32_t> prefilled;
  int32_t n_prefill_total = 0;
  int n_tokens = 0;
  int n_finished = 0;
  std::promise<int32_t> finish;

  dunlin_callbacks callbacks() {
    dunlin_callbacks c{};
    c.struct_size = sizeof c;
    c.user_data = this;
    c.on_prefill = [](void* user_data, int32_t n_done, int32_t n_total) {
      auto& w = *static_cast<Witness*>(user_data);
      if (w.prefilled.empty() && w.at_prefill) w.at_prefill();
      w.prefilled.push_back(n_done);
      w.n_prefill_total = n_total;
    };
    c.on_token = [](void* user_data, const dunlin_token*) -> int32_t {
      auto& w = *static_cast<Witness*>(user_data);
      if (++w.n_tokens == 3 && w.at_third_token) w.at_third_token();
      std::this_thread::sleep_for(w.a_token);
      return 1;
    };
    c.on_finished = [](void* user_data, const dunlin_result* result) {
      auto& w = *static_cast<Witness*>(user_data);
      if (++w.n_finished == 1) w.finish.set_value(result->finish);
    };
    return c;
  }
};

dunlin::Engine open_engine(const dunlin::Model& model, int32_t n_batch = 512, const char* device = "auto") {
  dunlin_engine_options options = dunlin::engine_options();
  options.device = device;
  options.n_ctx = 512;
  options.n_batch = n_batch;
  return dunlin::Engine(model, options);
}

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

}  // namespace

TEST_CASE("prefill is told step by step") {
  const dunlin::Model model(kModel);
  dunlin::Engine engine = open_engine(model, 16);
  Witness witness;
  engine.submit(std::vector<int32_t>(40, 5), greedy(0), witness.callbacks());
  CHECK(witness.finish.get_future().get() == DUNLIN_FINISH_LENGTH);
  CHECK(witness.prefilled == std::vector<int32_t>{16, 32, 40});
  CHECK(witness.n_prefill_total == 40);
  CHECK(witness.n_tokens == 0);
}

TEST_CASE("a request can be cancelled by its id, from a callback too, and by no other") {
  const dunlin::Model model(kModel);
  dunlin::Engine engine = open_engine(model);
  Witness witness;
  std::promise<uint64_t> id;
  witness.at_third_token = [&, known = id.get_future().share()] {
    engine.cancel(0);
    engine.cancel(known.get() + 1);
    engine.cancel(known.get());
  };
  const dunlin_callbacks callbacks = witness.callbacks();
  id.set_value(engine.submit({3054, 585, 261}, greedy(400), callbacks));
  CHECK(witness.finish.get_future().get() == DUNLIN_FINISH_CANCELLED);
  CHECK(witness.n_tokens >= 3);
  CHECK(witness.n_tokens < 10);
  Witness other;
  engine.submit({3054, 585, 261}, greedy(20), other.callbacks());
  CHECK(other.finish.get_future().get() == DUNLIN_FINISH_LENGTH);
  CHECK(other.n_tokens == 20);
}

TEST_CASE("a session's call ends when it is cancelled, and the next one runs") {
  const dunlin::Model model(kModel);
  dunlin::Engine engine = open_engine(model);
  dunlin::Session session(engine);
  session.cancel();  // nothing runs
  Witness witness;
  witness.a_token = std::chrono::milliseconds(5);
  const auto cancel = [&] { session.cancel(); };
  SECTION("at the prompt") {
    witness.at_prefill = cancel;
  }
  SECTION("at a token") {
    witness.at_third_token = cancel;
  }
  const dunlin_callbacks callbacks = witness.callbacks();
  const dunlin_generation_options options = greedy(400);
  dunlin_result result{};
  result.struct_size = sizeof result;
  CHECK(dunlin_session_generate(session.get(), "The king", 8, 0, &options, &callbacks, &result) == DUNLIN_OK);
  CHECK(result.finish == DUNLIN_FINISH_CANCELLED);
  CHECK(witness.n_tokens < 400);
  CHECK(witness.n_finished == 1);
  CHECK(session.generate("", ignore, greedy(7)).n_generated == 7);
}

TEST_CASE("a session's call that waits for its turn ends when it is cancelled") {
  const dunlin::Model model(kModel);
  dunlin::Engine engine = open_engine(model);
  dunlin::Session session(engine);
  Witness running;
  running.a_token = std::chrono::milliseconds(10);
  const uint64_t id = engine.submit({3054, 585, 261}, greedy(400), running.callbacks());
  // Again and again, since the first time may be before the call.
  std::atomic<bool> has_ended{false};
  std::thread canceller([&] {
    while (!has_ended) {
      session.cancel();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  const dunlin_result result = session.generate("The king", ignore, greedy(400));
  has_ended = true;
  canceller.join();
  CHECK(result.finish == DUNLIN_FINISH_CANCELLED);
  CHECK(result.n_generated == 0);
  CHECK(running.n_finished == 0);
  engine.cancel(id);
  CHECK(running.finish.get_future().get() == DUNLIN_FINISH_CANCELLED);
}

TEST_CASE("a cancellation between a call's begin and its request's id is not lost, one before it is over") {
  dunlin::RunningRequest running;
  CHECK(running.cancel() == 0);
  running.begin();
  CHECK_FALSE(running.started(7));
  CHECK(running.cancel() == 7);
  running.end();
  CHECK(running.cancel() == 0);
  running.begin();
  CHECK(running.cancel() == 0);
  CHECK(running.started(8));
}

TEST_CASE("a session that was reset has forgotten everything") {
  const dunlin::Model model(kModel);
  // A device on which a text does not depend on how much of its prompt was there before.
  dunlin::Engine engine = open_engine(model, 512, "cpu");
  dunlin::Session session(engine);
  std::string first, second;
  const dunlin_result a = session.generate(
      "The king",
      [&](std::string_view t) {
        first += t;
        return true;
      },
      greedy(12));
  CHECK(session.generate(" and", ignore, greedy(4)).n_prompt > a.n_prompt + 12);
  session.chat("Tell me a tale.", ignore, greedy(4));
  session.reset();
  const dunlin_result b = session.generate(
      "The king",
      [&](std::string_view t) {
        second += t;
        return true;
      },
      greedy(12));
  CHECK(b.n_prompt == a.n_prompt);
  CHECK(second == first);
  const auto alone = model.tokenize_chat(R"([{"role":"user","content":"Hello"}])");
  CHECK(session.chat("Hello", ignore, greedy(4)).n_prompt == int32_t(alone.size()));
}

TEST_CASE("a system message is the first of a chat, and nowhere else") {
  const dunlin::Model model(kModel);
  dunlin::Engine engine = open_engine(model);
  dunlin::Session session(engine);
  session.set_system("You tell tales.");
  CHECK_THROWS_WITH(session.set_system("Again."), Catch::Contains("reset first"));
  const auto expected = model.tokenize_chat(
      R"([{"role":"system","content":"You tell tales."},{"role":"user","content":"Go"}])");
  CHECK(session.chat("Go", ignore, greedy(4)).n_prompt == int32_t(expected.size()));
  CHECK_THROWS_WITH(session.set_system("Later."), Catch::Contains("reset first"));
  session.reset();
  session.set_system({});
  const auto empty =
      model.tokenize_chat(R"([{"role":"system","content":""},{"role":"user","content":"Go"}])");
  CHECK(session.chat("Go", ignore, greedy(4)).n_prompt == int32_t(empty.size()));
}

TEST_CASE("a chat template gets the variables that it is given, and the local time") {
  std::ifstream in(kModel, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const std::string key = "tokenizer.chat_template";
  const size_t length_at = bytes.find(key) + key.size() + sizeof(uint32_t);  // behind its type
  uint64_t length = 0;
  REQUIRE(length_at + sizeof length < bytes.size());
  std::memcpy(&length, bytes.data() + length_at, sizeof length);
  std::string source = "{{ 'deep' if think else 'fast' }} {{ strftime_now('%Y') }} {{ messages[0].content }}";
  REQUIRE(source.size() + 4 <= length);
  source += "{#" + std::string(size_t(length) - source.size() - 4, ' ') + "#}";
  bytes.replace(length_at + sizeof length, size_t(length), source);
  const dunlin::Model model(bytes.data(), bytes.size(), "another template");

  const std::time_t now = std::time(nullptr);
  const std::string year = std::to_string(1900 + std::localtime(&now)->tm_year);
  const std::string messages = R"([{"role":"user","content":"Go"}])", think = R"({"think":true})";
  CHECK(model.detokenize(model.tokenize_chat(messages)) == "fast " + year + " Go");
  CHECK(model.detokenize(model.tokenize_chat(messages, "", think)) == "deep " + year + " Go");
  CHECK_THROWS_WITH(model.tokenize_chat(messages, "", "[]"), Catch::Contains("variables"));
  CHECK_THROWS_WITH(model.tokenize_chat(messages, "", "{"), Catch::Contains("template variables"));

  dunlin::Engine engine = open_engine(model);
  dunlin::Session session(engine);
  const size_t n_fast = model.tokenize_chat(messages).size();
  const size_t n_deep = model.tokenize_chat(messages, "", think).size();
  REQUIRE(n_fast != n_deep);
  session.set_template_variables(think);
  CHECK(session.chat("Go", ignore, greedy(1)).n_prompt == int32_t(n_deep));
  session.reset();
  CHECK(session.chat("Go", ignore, greedy(1)).n_prompt == int32_t(n_fast));
}

TEST_CASE("printed control tokens are not what the model said") {
  const dunlin::Model model(kModel);
  dunlin::Engine engine = open_engine(model);
  const int32_t end = model.tokenize("<|im_end|>", false, true).at(0);
  const int32_t word = model.tokenize("king", false).at(0);
  const std::string said = model.detokenize({word});
  const auto history = [&](const std::string& answer) {
    return R"([{"role":"user","content":"Who?"},{"role":"assistant","content":)" + quoted(answer) +
           R"(},{"role":"user","content":"Why?"}])";
  };
  const struct {
    int32_t token;
    bool ends;
    const char* stop;
    std::string printed, remembered;
  } cases[] = {
      {end, true, nullptr, "<|im_end|>", ""},  // the end token itself
      {end, false, nullptr, "<|im_end|><|im_end|>", ""},
      {word, false, nullptr, said + said, said + said},
      {word, false, said.c_str(), "", ""},  // a stop string cuts both
  };
  for (const auto& c : cases) {
    dunlin::Session session(engine);
    dunlin_generation_options options = greedy(2);
    const dunlin_logit_bias bias{c.token, 100};
    options.logit_bias = &bias;
    options.n_logit_bias = 1;
    options.ignore_eos = !c.ends;
    options.print_control = 1;
    options.stop = &c.stop;
    options.n_stop = c.stop != nullptr;
    std::string printed;
    session.chat(
        "Who?",
        [&](std::string_view t) {
          printed += t;
          return true;
        },
        options);
    CHECK(printed == c.printed);
    const auto expected = model.tokenize_chat(history(c.remembered));
    CHECK(session.chat("Why?", ignore, greedy(1)).n_prompt == int32_t(expected.size()));
  }
}

TEST_CASE("a result fills as much of the struct as the caller's header knew, or nothing is done") {
  const dunlin::Model model(kModel);
  dunlin::Engine engine = open_engine(model);
  dunlin::Session session(engine);
  const dunlin_generation_options options = greedy(3);
  Witness witness;
  const dunlin_callbacks callbacks = witness.callbacks();
  dunlin_result result{};
  const auto generate = [&] {
    return dunlin_session_generate(session.get(), "The king", 8, 0, &options, &callbacks, &result);
  };
  const auto chat = [&] {
    return dunlin_session_chat(session.get(), "The king", 8, &options, &callbacks, &result);
  };
  for (const uint32_t size : {uint32_t(0), uint32_t(7), uint32_t(sizeof result + 8)}) {
    result.struct_size = size;
    CHECK(generate() == DUNLIN_INVALID_ARGUMENT);
    CHECK(std::string(dunlin_last_error()).find("dunlin_result.struct_size") != std::string::npos);
    CHECK(chat() == DUNLIN_INVALID_ARGUMENT);
  }
  CHECK(witness.n_tokens == 0);
  CHECK(witness.n_finished == 0);
  result.struct_size = offsetof(dunlin_result, queue_us);
  result.queue_us = result.prefill_us = result.decode_us = -1;
  CHECK(generate() == DUNLIN_OK);
  CHECK(result.n_generated == 3);
  CHECK(result.struct_size == offsetof(dunlin_result, queue_us));
  CHECK(result.queue_us == -1);
  CHECK(result.decode_us == -1);
}

TEST_CASE("what a callback throws ends its request and comes back as an error") {
  const dunlin::Model model(kModel);
  dunlin::Engine engine = open_engine(model);
  dunlin::Session session(engine);
  dunlin_callbacks callbacks{};
  callbacks.struct_size = sizeof callbacks;
  SECTION("at a token") {
    callbacks.on_token = [](void*, const dunlin_token*) -> int32_t { throw std::runtime_error("thrown"); };
  }
  SECTION("at the end") {
    callbacks.on_finished = [](void*, const dunlin_result*) { throw std::runtime_error("thrown"); };
  }
  const dunlin_generation_options options = greedy(3);
  CHECK(dunlin_session_generate(session.get(), "The king", 8, 0, &options, &callbacks, nullptr) ==
        DUNLIN_INTERNAL);
  CHECK(std::string(dunlin_last_error()).find("thrown") != std::string::npos);
  CHECK(session.generate("The king", ignore, options).n_generated == 3);
}
