#include "core/text/stop_matcher.h"

#include <algorithm>

namespace dunlin {
namespace {

std::vector<uint32_t> borders_of(std::string_view text) {
  std::vector<uint32_t> border(text.size(), 0);
  for (size_t i = 1; i < text.size(); ++i) {
    uint32_t length = border[i - 1];
    while (length > 0 && text[i] != text[length]) length = border[length - 1];
    border[i] = text[i] == text[length] ? length + 1 : 0;
  }
  return border;
}

}  // namespace

StopMatcher::StopMatcher(std::vector<std::string> stops) {
  for (std::string& text : stops) {
    if (text.empty()) continue;
    std::vector<uint32_t> border = borders_of(text);
    stops_.push_back({std::move(text), std::move(border), 0});
  }
}

std::string StopMatcher::push(std::string_view piece) {
  if (matched()) return {};
  for (const char c : piece) {
    held_ += c;
    for (size_t i = 0; i < stops_.size(); ++i) {
      Stop& stop = stops_[i];
      while (stop.matched > 0 && stop.text[stop.matched] != c) stop.matched = stop.border[stop.matched - 1];
      if (stop.text[stop.matched] == c) ++stop.matched;
      if (stop.matched < stop.text.size()) continue;
      if (!matched() || stop.text.size() > stops_[matched_].text.size()) matched_ = i;
    }
    if (matched()) {
      std::string out = held_.substr(0, held_.size() - stops_[matched_].text.size());
      held_.clear();
      return out;
    }
  }
  size_t held = 0;
  for (const Stop& stop : stops_) held = std::max<size_t>(held, stop.matched);
  std::string out = held_.substr(0, held_.size() - held);
  held_.erase(0, out.size());
  return out;
}

std::string StopMatcher::flush() {
  std::string out;
  out.swap(held_);
  for (Stop& stop : stops_) stop.matched = 0;
  return out;
}

}  // namespace dunlin
