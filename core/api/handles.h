// What the C API's opaque handles are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/api/running_request.h"
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
  std::vector<int32_t> tokens;     // of sessions that continue text
  std::vector<Message> messages;   // of sessions that chat
  std::string template_variables;  // JSON, or empty
  dunlin::RunningRequest running;
  std::string last_message;  // of the last result
};
