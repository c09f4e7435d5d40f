/* The bytes of the default model, as a part of the command. */
    .section .rodata
    .global dunlin_default_model
    .global dunlin_default_model_end
    .balign 64
dunlin_default_model:
    .incbin DEFAULT_MODEL_PATH
dunlin_default_model_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
