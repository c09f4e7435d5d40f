// What sessions do: continue a text, or hold a chat. Both wait for the engine and remember what came out.
#pragma once

#include <string_view>

#include "core/api/handles.h"

namespace dunlin {

Status continue_text(dunlin_session& session, std::string_view text, bool parse_special,
                     GenerationRequest request, const dunlin_callbacks& callbacks, dunlin_result* result);
Status answer_chat(dunlin_session& session, std::string_view message, GenerationRequest request,
                   const dunlin_callbacks& callbacks, dunlin_result* result);

}  // namespace dunlin
