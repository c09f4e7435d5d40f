// Heap: makes every string and container of one render and counts what the render may still use: steps, time,
// bytes of text, elements. It owns the containers until it dies, so that templates may build cycles and
// chains of any length without a leak and without deep recursion when they are freed. One render on one
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/status.h"
#include "core/text/template/render_clock.h"
#include "core/text/template/value.h"

namespace dunlin::jinja {

// How deep data may nest wherever an operation walks it: printing, comparing, copying, JSON.
inline constexpr int kMaxDataDepth = 64;

struct Limits {
  uint64_t steps = 1'000'000;
  size_t output_bytes = size_t(4) << 20;  // of any one string too
  size_t text_bytes = size_t(256) << 20;  // all strings together, with those already gone
  size_t elements = 2'000'000;            // of all lists and dicts together; a dict's entry counts as four
  int call_depth = 64;                    // macros in macros
  int eval_depth = 1000;                  // nodes of the syntax tree under evaluation, through all macros
  std::chrono::milliseconds time{250};    // by the clock
  RenderClock clock = steady_render_clock;
};

class Heap {
 public:
  explicit Heap(const Limits& limits = {});
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;
  ~Heap();

  const Limits& limits() const { return limits_; }

  // Each of these fails with kResourceExhausted. step counts units of work, one for about 10 ns to 1 us.
  Status step(uint64_t count = 1);
  // Before a string of this size is made, or text of this size is searched.
  Status reserve_text(size_t bytes);
  // Before that many elements are added to a list or dict.
  Status reserve_elements(size_t count);

  // A string; fails if it is longer than a string may be.
  Result<Value> string(MarkedText text);
  Result<Value> list(std::vector<Value> items, Origin origin = Origin::kTemplate);
  Result<Value> tuple(std::vector<Value> items);
  std::shared_ptr<Dict> new_dict(Origin origin = Origin::kTemplate);
  // dict[key] = value, counted and with the key checked.
  Status set(Dict& dict, Value key, Value value);

  // A deep copy that this heap owns, so that a template cannot change the original. All strings and
  // containers in it get the origin given. Functions and other objects are refused.
  Result<Value> import(const Value& value, Origin origin);

 private:
  Status check_time();
  Status count_work(uint64_t weight);
  Result<Value> import_at(const Value& value, Origin origin, int depth);

  Limits limits_;
  std::chrono::nanoseconds deadline_;  // by limits_.clock
  uint64_t steps_ = 0;
  uint64_t work_since_clock_ = 0;
  size_t text_bytes_ = 0;
  size_t elements_ = 0;
  std::vector<std::shared_ptr<List>> lists_;
  std::vector<std::shared_ptr<Dict>> dicts_;
};

}  // namespace dunlin::jinja
