// The two ways of waiting on a word that another thread will change: spinning with spin_pause(), and parking,
// which costs a system call and frees the CPU. Callers combine them; see thread_team.cpp.
#pragma once

#include <atomic>
#include <cstdint>

namespace dunlin {

// Tells the CPU that this is a spin-wait loop: tens of nanoseconds that cost little power and help an SMT
// sibling.
void spin_pause();

// Gives the CPU to another thread that is ready to run, if there is one.
void yield_thread();

// Sleeps while word == expected. May also return without a change; the caller checks again.
void park_while_equal(const std::atomic<uint32_t>& word, uint32_t expected);

// Wakes all that sleep on word. Call it after changing the word.
void unpark_all(const std::atomic<uint32_t>& word);

}  // namespace dunlin
