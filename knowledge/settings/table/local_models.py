"""How models that run in this process are run; what they are stands in the model's name."""

from __future__ import annotations

from knowledge.settings.table.setting import Setting

LOCAL_MODELS: tuple[Setting, ...] = (
    Setting(
        "local_model_threads",
        ("KNOW_LOCAL_MODEL_THREADS",),
        0,
        "Threads that a local model computes with; 0 is the library's choice.",
        minimum=0,
        maximum=1_024,
    ),
    Setting(
        "onnx_providers",
        ("KNOW_ONNX_PROVIDERS",),
        "",
        "Execution providers of ONNX Runtime by preference, with commas between, such as "
        "CUDAExecutionProvider; empty is the CPU.",
    ),
    Setting(
        "fastembed_cache",
        ("FASTEMBED_CACHE_PATH",),
        "",
        "Folder of fastembed's downloads; empty is one in the user's cache folder.",
    ),
    Setting(
        "sentence_transformers_device",
        ("KNOW_SENTENCE_TRANSFORMERS_DEVICE",),
        "",
        "Device of sentence-transformers, such as cpu, cuda or mps; empty is the best there is.",
    ),
    Setting(
        "sentence_transformers_backend",
        ("KNOW_SENTENCE_TRANSFORMERS_BACKEND",),
        "TORCH",
        "What sentence-transformers computes with.",
        choices=("TORCH", "ONNX", "OPENVINO"),
    ),
    Setting(
        "sentence_transformers_trust_remote_code",
        ("KNOW_SENTENCE_TRANSFORMERS_TRUST_REMOTE_CODE",),
        False,
        "Run Python code that comes with a model of sentence-transformers.",
    ),
    Setting(
        "llama_cpp_gpu_layers",
        ("KNOW_LLAMA_CPP_GPU_LAYERS",),
        0,
        "Layers of a GGUF model that a GPU takes; -1 is all.",
        minimum=-1,
        maximum=10_000,
    ),
)
