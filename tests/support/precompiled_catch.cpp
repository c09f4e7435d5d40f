// A target that owns a precompiled header needs a source file; this is it.
