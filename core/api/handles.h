// What the C API's opaque handles are.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "dunlin/dunlin.h"

struct dunlin_model {
  std::shared_ptr<const dunlin::Model> model;
};

struct dunlin_engine {
  std::unique_ptr<dunlin::Engine> engine;
};

struct dunlin_session {
  struct Message {
    std::string role, content;
  };

  dunlin::Engine* engine = nullptr;
  std::vector<int32_t> tokens;    // of sessions that continue text
  std::vector<Message> messages;  // of sessions that chat
  std::atomic<uint64_t> running_request{0};
  std::string last_message;  // of the last result
};
