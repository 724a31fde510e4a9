"""How models in this process are run; options that change vectors are part of a model's name."""

from __future__ import annotations

from knowledge.settings.table.setting import Setting

LOCAL_MODELS: tuple[Setting, ...] = (
    Setting(
        "local_model_threads",
        ("KNOW_LOCAL_MODEL_THREADS",),
        0,
        "Threads of a local model; 0 is the library's choice.",
        minimum=0,
        maximum=1_024,
    ),
    Setting(
        "onnx_providers",
        ("KNOW_ONNX_PROVIDERS",),
        "",
        "Execution providers of ONNX Runtime in order of preference, separated by commas, such as "
        "CUDAExecutionProvider; default: the CPU.",
    ),
    Setting(
        "fastembed_cache",
        ("FASTEMBED_CACHE_PATH",),
        "",
        "Folder of fastembed's downloads; default: one in the user's cache folder.",
    ),
    Setting(
        "sentence_transformers_device",
        ("KNOW_SENTENCE_TRANSFORMERS_DEVICE",),
        "",
        "Device of sentence-transformers, such as cpu, cuda or mps; default: the best available.",
    ),
    Setting(
        "sentence_transformers_backend",
        ("KNOW_SENTENCE_TRANSFORMERS_BACKEND",),
        "TORCH",
        "Backend of sentence-transformers.",
        choices=("TORCH", "ONNX", "OPENVINO"),
    ),
    Setting(
        "sentence_transformers_trust_remote_code",
        ("KNOW_SENTENCE_TRANSFORMERS_TRUST_REMOTE_CODE",),
        False,
        "Run the Python code that some models of sentence-transformers contain.",
    ),
    Setting(
        "llama_cpp_gpu_layers",
        ("KNOW_LLAMA_CPP_GPU_LAYERS",),
        0,
        "Layers of a GGUF model to run on a GPU; -1 is all.",
        minimum=-1,
        maximum=10_000,
    ),
)
