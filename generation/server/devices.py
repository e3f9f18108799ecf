"""The GPUs that this build of llama.cpp can use, and what is free on them."""

from __future__ import annotations

import ctypes

from rag_site.weights_plan import Device

# ggml_backend_dev_type: the processor is 0, accelerators without memory of their own 3.
_GPU_TYPES = {1, 2}


def gpus() -> tuple[Device, ...]:
    """Return the GPUs with their free memory; none in a build without any."""
    from llama_cpp import _ggml, llama_backend_init

    llama_backend_init()
    ggml = _ggml.libggml
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    handles = [
        ggml.ggml_backend_dev_get(n) for n in range(ggml.ggml_backend_dev_count())
    ]
    found = (_device(ggml, ctypes.c_void_p(handle)) for handle in handles)
    return tuple(device for device in found if device is not None)


def _device(ggml: ctypes.CDLL, handle: ctypes.c_void_p) -> Device | None:
    if ggml.ggml_backend_dev_type(handle) not in _GPU_TYPES:
        return None
    ggml.ggml_backend_dev_name.restype = ctypes.c_char_p
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    ggml.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
    name = ggml.ggml_backend_dev_name(handle).decode()
    return Device(name=name, free_bytes=free.value)
