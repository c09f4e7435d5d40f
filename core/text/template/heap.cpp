#include "core/text/template/heap.h"

namespace dunlin::jinja {
namespace {

// Work between two looks at the clock; about 50 us of the slowest steps.
constexpr uint64_t kWorkPerClock = 256;
constexpr size_t kBytesPerStep = 4096;
// What an entry weighs in memory, key and index with it, measured in elements of a list.
constexpr size_t kElementsPerEntry = 4;

}  // namespace

Heap::Heap(const Limits& limits) : limits_(limits), deadline_(limits.clock() + limits.time) {}

// Oldest first: what a container holds is then either older, and already empty, or still held here.
Heap::~Heap() {
  for (auto& list : lists_) list->items.clear();
  for (auto& dict : dicts_) dict->clear();
}

Status Heap::check_time() {
  if (limits_.clock() < deadline_) return Status::ok();
  return Status::exhausted("the template ran for more than ", int64_t(limits_.time.count()),
                           " ms; it loops, or the conversation is too long for it");
}

Status Heap::count_work(uint64_t weight) {
  work_since_clock_ += weight;
  if (work_since_clock_ < kWorkPerClock) return Status::ok();
  work_since_clock_ = 0;
  return check_time();
}

Status Heap::step(uint64_t count) {
  if (count > limits_.steps - steps_) {
    steps_ = limits_.steps;
    return Status::exhausted("the template needs more than ", limits_.steps,
                             " steps; it loops, or the conversation is too long for it");
  }
  steps_ += count;
  return count_work(count);
}

Status Heap::reserve_text(size_t bytes) {
  if (bytes > limits_.text_bytes - text_bytes_) {
    return Status::exhausted("the template works on more than ", limits_.text_bytes, " bytes of text");
  }
  text_bytes_ += bytes;
  return count_work(bytes / kBytesPerStep);
}

Status Heap::reserve_elements(size_t count) {
  if (count > limits_.elements - elements_) {
    return Status::exhausted("the template makes lists and dicts of more than ", limits_.elements,
                             " elements");
  }
  elements_ += count;
  return count_work(count / 16);
}

Result<Value> Heap::string(MarkedText text) {
  if (text.size() > limits_.output_bytes) {
    return Status::exhausted("the template makes a string of ", text.size(), " bytes, at most ",
                             limits_.output_bytes, " are allowed");
  }
  DUNLIN_RETURN_IF_ERROR(reserve_text(text.size() + text.runs().size() * sizeof(MarkedText::Run)));
  return Value::string(std::move(text));
}

Result<Value> Heap::list(std::vector<Value> items, Origin origin) {
  DUNLIN_RETURN_IF_ERROR(reserve_elements(items.size() + 1));
  lists_.push_back(std::make_shared<List>(List{std::move(items), false, origin}));
  return Value::list(lists_.back());
}

Result<Value> Heap::tuple(std::vector<Value> items) {
  DUNLIN_ASSIGN_OR_RETURN(Value made, list(std::move(items)));
  made.as_list()->is_tuple = true;
  return made;
}

std::shared_ptr<Dict> Heap::new_dict(Origin origin) {
  dicts_.push_back(std::make_shared<Dict>());
  dicts_.back()->origin = origin;
  return dicts_.back();
}

Status Heap::set(Dict& dict, Value key, Value value) {
  if (!Dict::is_valid_key(key)) {
    return Status::invalid("a ", key.type_name(), " cannot be the key of a dict");
  }
  DUNLIN_RETURN_IF_ERROR(reserve_elements(kElementsPerEntry));
  dict.set(std::move(key), std::move(value));
  return Status::ok();
}

Result<Value> Heap::import(const Value& value, Origin origin) {
  return import_at(value, origin, 0);
}

Result<Value> Heap::import_at(const Value& value, Origin origin, int depth) {
  if (depth > kMaxDataDepth) return Status::exhausted("data nests deeper than ", kMaxDataDepth, " levels");
  DUNLIN_RETURN_IF_ERROR(count_work(1));
  switch (value.kind()) {
    case Kind::kString:
      return string(MarkedText(std::string(value.as_text().view()), origin));
    case Kind::kList: {
      std::vector<Value> items;
      items.reserve(value.as_list()->items.size());
      for (const Value& item : value.as_list()->items) {
        DUNLIN_ASSIGN_OR_RETURN(Value copy, import_at(item, origin, depth + 1));
        items.push_back(std::move(copy));
      }
      return list(std::move(items), origin);
    }
    case Kind::kDict: {
      const auto copy = new_dict(origin);
      for (const Dict::Entry& entry : value.as_dict()->entries()) {
        DUNLIN_ASSIGN_OR_RETURN(Value key, import_at(entry.key, origin, depth + 1));
        DUNLIN_ASSIGN_OR_RETURN(Value member, import_at(entry.value, origin, depth + 1));
        DUNLIN_RETURN_IF_ERROR(set(*copy, std::move(key), std::move(member)));
      }
      return Value::dict(copy);
    }
    case Kind::kObject:
      return Status::invalid("a ", value.type_name(), " cannot be given to a template");
    default:
      return value;
  }
}

}  // namespace dunlin::jinja
