# The kernels that are no matrix products, and the KV layout.
dunlin_module(cpu_vector
  SOURCES kv_layout.cpp attention_units.cpp vector_tables.cpp
  LINKS dunlin_base)
dunlin_cpu_isa_sources(dunlin_cpu_vector vector)
