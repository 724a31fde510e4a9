"""Where things are kept, and how long to wait for them."""

from __future__ import annotations

from knowledge.settings.table.setting import MAX_SECONDS, Setting

STORAGE: tuple[Setting, ...] = (
    Setting(
        "data_dir",
        ("KNOW_DATA_DIR",),
        "",
        "Data folder; default: the platform's folder for application data.",
    ),
    Setting(
        "config_file",
        ("KNOW_CONFIG_FILE",),
        "",
        "Read this file instead of knowledge.yaml in the working directory.",
    ),
    Setting(
        "dataset", ("KNOW_DATASET",), "default", "Dataset that commands use unless one is named."
    ),
    Setting(
        "datasets",
        ("KNOW_DATASETS",),
        "",
        "Datasets that questions go to, separated by commas; default: the dataset.",
    ),
    Setting(
        "lock_timeout",
        ("KNOW_LOCK_TIMEOUT",),
        60.0,
        "Time to wait for another writer, in seconds.",
        minimum=0,
        maximum=MAX_SECONDS,
    ),
    Setting(
        "store",
        ("KNOW_STORE",),
        "",
        "Database that keeps the datasets, such as postgresql://me@db.example:5432/library; "
        "default: the data folder.",
    ),
    Setting(
        "store_schema",
        ("KNOW_STORE_SCHEMA",),
        "knowledge",
        "Schema of the database in which the tables are.",
    ),
    Setting(
        "vectors",
        ("KNOW_VECTORS",),
        "",
        "Server that keeps the vectors, such as chroma+http://127.0.0.1:8000 or "
        "qdrant://127.0.0.1:6333; default: the data folder, or the database of KNOW_STORE.",
    ),
    Setting(
        "chroma_api_key",
        ("CHROMA_API_KEY",),
        "",
        "Token for the Chroma server that keeps the vectors.",
        secret=True,
    ),
    Setting(
        "qdrant_host",
        ("QDRANT_HOST",),
        "",
        "Host or address of the Qdrant server, where KNOW_VECTORS is qdrant alone.",
    ),
    Setting(
        "qdrant_api_key",
        ("QDRANT_API_KEY",),
        "",
        "Key for the Qdrant server that keeps the vectors.",
        secret=True,
    ),
    Setting(
        "collection_prefix",
        ("KNOW_COLLECTION_PREFIX", "QDRANT_BASE_COLLECTION_NAME"),
        "knowledge",
        "What the names of collections on a server of vectors begin with.",
    ),
    Setting(
        "vectors_sparse",
        ("KNOW_VECTORS_SPARSE",),
        False,
        "Send the vectors of the sparse model to the Qdrant server too, and ask it for them; they "
        "tell the words of a text.",
    ),
    Setting(
        "trust_project",
        ("KNOW_TRUST_PROJECT",),
        False,
        "Let the working directory's .env and knowledge.yaml decide where keys are sent.",
    ),
)
