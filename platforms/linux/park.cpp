#include "platforms/park.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

namespace dunlin {
namespace {

// The kernel reads the word itself; std::atomic<uint32_t> is that word.
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) &&
              std::atomic<uint32_t>::is_always_lock_free);

void futex(const std::atomic<uint32_t>& word, int operation, uint32_t value) {
  syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

}  // namespace

void yield_thread() {
  sched_yield();
}

void park_while_equal(const std::atomic<uint32_t>& word, uint32_t expected) {
  futex(word, FUTEX_WAIT, expected);
}

void unpark_all(const std::atomic<uint32_t>& word) {
  futex(word, FUTEX_WAKE, INT_MAX);
}

}  // namespace dunlin
