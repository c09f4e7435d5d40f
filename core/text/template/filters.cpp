#include "core/text/template/filters.h"

#include "core/text/template/heap.h"

namespace dunlin::jinja {

Result<Value> apply_filter(Heap& heap, std::string_view name, const Value& input,
                           const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(heap.step());
  for (const auto table : {text_filters(), value_filters(), sequence_filters()}) {
    for (const FilterRow& row : table) {
      if (row.name == name) return row.apply(heap, row.name, input, arguments);
    }
  }
  return Status::unsupported("there is no filter '", name.substr(0, 40), "'");
}

}  // namespace dunlin::jinja
