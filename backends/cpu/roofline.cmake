# The probes of the machine's ceilings.
dunlin_module(cpu_roofline
  SOURCES roofline.cpp
  LINKS dunlin_base dunlin_platforms)
dunlin_cpu_isa_sources(dunlin_cpu_roofline roofline)
