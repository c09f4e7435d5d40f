// Status and Result<T>: how Dunlin reports what the outside world got wrong (a file, a request, memory, a
// device). A programming error is DUNLIN_CHECK (check.h) instead. Both types are plain values; they may be
// moved between threads.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "core/base/check.h"
#include "core/base/str_cat.h"

namespace dunlin {

enum class StatusCode : int32_t {
  kOk = 0,
  kInvalidArgument = 1,    // the caller's argument or flag
  kNotFound = 2,           // a file, tensor, device or key that does not exist
  kUnsupported = 3,        // well-formed, but this build cannot do it
  kCorrupt = 4,            // a file or message that contradicts its format
  kIo = 5,                 // the operating system refused to read or write
  kResourceExhausted = 6,  // memory, KV blocks, a limit
  kContextExceeded = 7,    // a prompt that does not fit its context
  kCancelled = 8,          // the caller asked to stop
  kDeviceLost = 9,         // the device must be opened again
  kInternal = 10,          // a defect of Dunlin that was caught at a boundary
};

const char* status_code_name(StatusCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status ok() { return {}; }

  // Each takes the message in parts: what was wrong, where, and what to do.
  template <typename... P>
  static Status invalid(const P&... p) {
    return {StatusCode::kInvalidArgument, str_cat(p...)};
  }
  template <typename... P>
  static Status not_found(const P&... p) {
    return {StatusCode::kNotFound, str_cat(p...)};
  }
  template <typename... P>
  static Status unsupported(const P&... p) {
    return {StatusCode::kUnsupported, str_cat(p...)};
  }
  template <typename... P>
  static Status corrupt(const P&... p) {
    return {StatusCode::kCorrupt, str_cat(p...)};
  }
  template <typename... P>
  static Status io(const P&... p) {
    return {StatusCode::kIo, str_cat(p...)};
  }
  template <typename... P>
  static Status exhausted(const P&... p) {
    return {StatusCode::kResourceExhausted, str_cat(p...)};
  }
  template <typename... P>
  static Status context_exceeded(const P&... p) {
    return {StatusCode::kContextExceeded, str_cat(p...)};
  }
  template <typename... P>
  static Status cancelled(const P&... p) {
    return {StatusCode::kCancelled, str_cat(p...)};
  }
  template <typename... P>
  static Status internal(const P&... p) {
    return {StatusCode::kInternal, str_cat(p...)};
  }

  bool is_ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same error with its place in front: "model.gguf: tensor 'x': ...".
  Status with_context(std::string_view where) const {
    return is_ok() ? *this : Status(code_, str_cat(where, ": ", message_));
  }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

// A value or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<1>, std::move(value)) {}        // NOLINT: implicit by design
  Result(Status status) : state_(std::in_place_index<0>, std::move(status)) {  // NOLINT: implicit by design
    DUNLIN_CHECK(!std::get<0>(state_).is_ok());
  }

  bool is_ok() const { return state_.index() == 1; }
  Status status() const { return is_ok() ? Status::ok() : std::get<0>(state_); }
  const std::string& message() const { return std::get<0>(state_).message(); }

  T& value() & {
    check();
    return std::get<1>(state_);
  }
  const T& value() const& {
    check();
    return std::get<1>(state_);
  }
  T&& value() && {
    check();
    return std::get<1>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  void check() const { DUNLIN_CHECK_MSG(is_ok(), std::get<0>(state_).message().c_str()); }
  std::variant<Status, T> state_;
};

}  // namespace dunlin

#define DUNLIN_CONCAT_INNER(a, b) a##b
#define DUNLIN_CONCAT(a, b) DUNLIN_CONCAT_INNER(a, b)

// Leaves the function with the error, if there is one.
#define DUNLIN_RETURN_IF_ERROR(expression)                                                                 \
  do {                                                                                                     \
    if (::dunlin::Status returned_status = (expression); !returned_status.is_ok()) return returned_status; \
  } while (0)

// DUNLIN_ASSIGN_OR_RETURN(auto x, make_x()): x, or leaves the function with the error.
#define DUNLIN_ASSIGN_OR_RETURN(target, expression) \
  DUNLIN_ASSIGN_OR_RETURN_IMPL(DUNLIN_CONCAT(dunlin_result_, __LINE__), target, expression)
#define DUNLIN_ASSIGN_OR_RETURN_IMPL(result, target, expression) \
  auto result = (expression);                                    \
  if (!result.is_ok()) return result.status();                   \
  target = std::move(result).value()
