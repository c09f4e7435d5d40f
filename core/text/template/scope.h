// Scope: the variables of one block, and the scope around it.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/template/value.h"

namespace dunlin::jinja {

class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> parent) : parent_(std::move(parent)) {}

  const std::shared_ptr<Scope>& parent() const { return parent_; }

  // In this scope only; the name must outlive it.
  void set(std::string_view name, Value value) {
    for (auto& [known, held] : variables_) {
      if (known == name) {
        held = std::move(value);
        return;
      }
    }
    variables_.emplace_back(name, std::move(value));
  }

  // In this scope or those around it; null if there is none. Valid until the next set.
  const Value* find(std::string_view name) const {
    for (const Scope* scope = this; scope; scope = scope->parent_.get()) {
      for (const auto& [known, held] : scope->variables_) {
        if (known == name) return &held;
      }
    }
    return nullptr;
  }

  void clear() { variables_.clear(); }

 private:
  std::shared_ptr<Scope> parent_;
  std::vector<std::pair<std::string_view, Value>> variables_;  // few: a scan beats a map
};

}  // namespace dunlin::jinja
