// Puts the messages of a request into the form that a chat template reads.
#pragma once

#include "core/base/status.h"
#include "core/text/template/chat_template.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

// A copy of messages on the heap, all of it message text but for known roles. In it
// - content is always there: null and missing become "", but none on an assistant's turn with tool calls;
// - content has the form that the traits ask for, a string or a list of parts;
// - arguments of tool calls are dicts, or JSON text if the traits ask for that;
// - tool_calls that are null or empty are gone.
// Errors (kInvalidArgument) name the message: not a list of dicts, no role, content of another type, a part
// that is not text where the template takes only text.
Result<Value> prepare_messages(Heap& heap, const Value& messages, const ChatTemplate::Traits& traits);

}  // namespace dunlin::jinja
