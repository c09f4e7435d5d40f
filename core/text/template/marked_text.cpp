#include "core/text/template/marked_text.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"

namespace dunlin::jinja {

MarkedText::MarkedText(std::string text, Origin origin) : text_(std::move(text)) {
  if (!text_.empty()) runs_.push_back({text_.size(), origin});
}

std::vector<MarkedText::Run>::const_iterator MarkedText::run_of(size_t offset) const {
  return std::upper_bound(runs_.begin(), runs_.end(), offset,
                          [](size_t at, const Run& run) { return at < run.end; });
}

Origin MarkedText::origin_at(size_t offset) const {
  DUNLIN_CHECK(offset < text_.size());
  return run_of(offset)->origin;
}

bool MarkedText::has_message_text() const {
  return std::any_of(runs_.begin(), runs_.end(),
                     [](const Run& run) { return run.origin == Origin::kMessage; });
}

void MarkedText::extend_runs(size_t end, Origin origin) {
  if (!runs_.empty() && runs_.back().origin == origin) {
    runs_.back().end = end;
  } else {
    runs_.push_back({end, origin});
  }
}

void MarkedText::append(std::string_view text, Origin origin) {
  if (text.empty()) return;
  text_ += text;
  extend_runs(text_.size(), origin);
}

void MarkedText::append(const MarkedText& other, size_t offset, size_t length) {
  DUNLIN_CHECK(&other != this && offset <= other.size() && length <= other.size() - offset);
  const size_t stop = offset + length;
  for (auto run = other.run_of(offset); offset < stop; ++run) {
    const size_t end = std::min(run->end, stop);
    append(other.view().substr(offset, end - offset), run->origin);
    offset = end;
  }
}

MarkedText MarkedText::slice(size_t offset, size_t length) const {
  MarkedText out;
  out.append(*this, offset, length);
  return out;
}

std::string MarkedText::take() {
  runs_.clear();
  return std::exchange(text_, {});
}

}  // namespace dunlin::jinja
