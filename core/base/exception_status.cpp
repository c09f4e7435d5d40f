#include "core/base/exception_status.h"

#include <exception>
#include <new>
#include <system_error>

namespace dunlin {
namespace {

Status describe_exception() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Status::exhausted("out of memory");
  } catch (const CheckFailure& e) {
    return Status::internal("a defect of Dunlin: ", e.what(), "; please report it");
  } catch (const std::system_error& e) {
    if (e.code() == std::errc::resource_unavailable_try_again)
      return Status::exhausted("the system gives no more threads: ", e.what());
    return Status::internal("unexpected: ", e.what(), "; please report it");
  } catch (const std::exception& e) {
    return Status::internal("unexpected: ", e.what(), "; please report it if no callback threw this");
  } catch (...) {
    return Status::internal(
        "unexpected: an exception of unknown type; please report it if no callback threw it");
  }
}

}  // namespace

Status status_of_exception() noexcept {
  try {
    return describe_exception();
  } catch (...) {
    // No memory for the text. This one is short enough to need none.
    return {StatusCode::kResourceExhausted, "out of memory"};
  }
}

}  // namespace dunlin
