# Packed weights and the matrix kernels.
dunlin_module(cpu_linear
  SOURCES activation.cpp linear_tables.cpp pack.cpp
          formats/dense.cpp formats/k_scales.cpp formats/q2_k.cpp formats/q4_0.cpp formats/q4_k.cpp
          formats/q5_0.cpp formats/q5_k.cpp formats/q6_k.cpp formats/q8_0.cpp
  LINKS dunlin_base dunlin_tensor dunlin_quant)
dunlin_cpu_isa_sources(dunlin_cpu_linear linear)
