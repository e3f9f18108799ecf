"""Every setting of the site, grouped by stage, each with its unit and default.

Values come from the environment only; docs/configuration.md lists them and a
test keeps that list complete. Nothing outside this file and the ``from_settings``
constructors of the stage configurations reads ``django.conf.settings``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from rag_site.databases import database_of
from rag_site.env import (
    env_bool,
    env_choice,
    env_float,
    env_int,
    env_list,
    env_networks,
    env_path,
    env_secret,
    env_str,
    env_time_zone,
    env_url,
)
from rag_site.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent

# --- The run ---------------------------------------------------------------

# True while developing: friendlier errors, no secure-cookie requirement.
DEBUG = env_bool("PLUMBLINE_DEBUG", False)
# Signs sessions and links; no default. `make run` makes one for itself.
SECRET_KEY = env_secret("SECRET_KEY")
# Host names served, separated by commas.
ALLOWED_HOSTS = env_list("PLUMBLINE_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
# Origins trusted for cross-site posts, each with its scheme.
CSRF_TRUSTED_ORIGINS = env_list("PLUMBLINE_TRUSTED_ORIGINS", [])
# True when the site is reached over TLS: secure cookies, HSTS, __Host- names.
HTTPS = env_bool("PLUMBLINE_HTTPS", False)
# Folder for everything the site writes: files, run state, embedded services.
VAR_DIR = env_path("PLUMBLINE_VAR", BASE_DIR / "var")
# Uploaded files, each named by its SHA-256.
FILES_DIR = env_path("PLUMBLINE_FILES", VAR_DIR / "files")
# Weight files, each named by its SHA-256; may be shared between checkouts.
WEIGHTS_DIR = env_path(
    "PLUMBLINE_WEIGHTS", Path.home() / ".cache" / "plumbline" / "weights"
)
# Free disk space below which uploads are refused, in MB.
MIN_FREE_DISK_MB = env_int("PLUMBLINE_MIN_FREE_DISK_MB", 500)

# --- Django ----------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.postgres",
    "rag_site.apps.RagSiteConfig",
    "generation.apps.GenerationConfig",
    "retrieval.apps.RetrievalConfig",
    "ingestion.apps.IngestionConfig",
    "rag_site.apps.PlumblineAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "csp",
    "ninja",
]
MIDDLEWARE = [
    "rag_site.middleware.reference",
    "django.middleware.security.SecurityMiddleware",
    "rag_site.middleware.static_files",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "rag_site.sign_in_required.SignInRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "rag_site.middleware.errors",
]
ROOT_URLCONF = "rag_site.urls"
ASGI_APPLICATION = "rag_site.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "rag_site.context.site",
            ],
        },
    },
]
AUTH_USER_MODEL = "rag_site.User"
AUTHENTICATION_BACKENDS = ["rag_site.sign_in.LimitedBackend"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = env_time_zone("PLUMBLINE_TIME_ZONE", "UTC")
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in"
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
        if not DEBUG
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- Postgres and Redis ----------------------------------------------------

# postgresql://user:password@host:port/name. Unset: an embedded server.
DATABASE_URL = env_str("DATABASE_URL")
# redis://:password@host:port/0. Unset: an embedded Valkey.
REDIS_URL = env_url("REDIS_URL", "redis", "rediss")
# Connections of the web process's pool; other processes open their own.
DATABASE_POOL_SIZE = env_int("PLUMBLINE_DATABASE_POOL_SIZE", 10, minimum=2)
# True in the web process only: a pool survives neither a fork nor a thread pool
# that closes its own connections.
DATABASE_POOL = env_bool("PLUMBLINE_DATABASE_POOL", False)

# postgresql://user:password@host:port/name of a streaming replica that ranks the
# passages of a search. Unset: the primary does.
DATABASE_REPLICA_URL = env_str("DATABASE_REPLICA_URL")
# Seconds that the replica may be behind; further behind, the primary ranks.
REPLICA_MAX_LAG_S = env_int("PLUMBLINE_REPLICA_MAX_LAG_S", 5, minimum=1)


_POOL_SIZE = DATABASE_POOL_SIZE if DATABASE_POOL else 0
DATABASES: dict[str, dict[str, Any]] = {
    "default": database_of(DATABASE_URL, setting="DATABASE_URL", pool_size=_POOL_SIZE)
}
if DATABASE_REPLICA_URL:
    DATABASES["replica"] = {
        **database_of(
            DATABASE_REPLICA_URL,
            setting="DATABASE_REPLICA_URL",
            pool_size=_POOL_SIZE,
        ),
        "TEST": {"MIRROR": "default"},
    }
DATABASE_ROUTERS = ["retrieval.replica.ReplicaRouter"]
CACHES = {
    "default": {
        "BACKEND": "rag_site.forgiving_cache.ForgivingCache",
        "LOCATION": REDIS_URL or "redis://127.0.0.1:1/0",
        "KEY_PREFIX": "plumbline",
        "OPTIONS": {
            "serializer": "rag_site.forgiving_cache.PlainSerializer",
            "socket_timeout": 1,
            "socket_connect_timeout": 1,
        },
    }
}

# --- The gateway -----------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "plumbline_session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "plumbline_csrf"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_FAILURE_VIEW = "rag_site.problems.csrf_failure"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_SSL_REDIRECT = False
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
# Not no-referrer: browsers then send "Origin: null" with forms, and CSRF fails.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# Addresses of proxies whose X-Forwarded-For is believed, separated by commas.
TRUSTED_PROXIES = env_networks("PLUMBLINE_TRUSTED_PROXIES")
# Largest uploaded file, in MB.
MAX_UPLOAD_MB = env_int("PLUMBLINE_MAX_UPLOAD_MB", 100, minimum=1)
# Largest body of any request that uploads nothing, in kB.
MAX_BODY_KB = env_int("PLUMBLINE_MAX_BODY_KB", 1024, minimum=16)
# Files in one upload.
MAX_FILES_PER_UPLOAD = env_int("PLUMBLINE_MAX_FILES_PER_UPLOAD", 50, minimum=1)
# Seconds without a byte of the body before a slow sender is cut off.
BODY_TIMEOUT_S = env_int("PLUMBLINE_BODY_TIMEOUT_S", 30, minimum=1)
# Requests a minute for one person or one key, over all doors.
REQUESTS_PER_MINUTE = env_int("PLUMBLINE_REQUESTS_PER_MINUTE", 300, minimum=1)
# Questions a minute for one person or one key.
QUESTIONS_PER_MINUTE = env_int("PLUMBLINE_QUESTIONS_PER_MINUTE", 20, minimum=1)
# Failed sign-ins in 15 minutes for one account from one address; five times as
# many from one address over all accounts, ten times for one account from all.
SIGN_IN_ATTEMPTS = env_int("PLUMBLINE_SIGN_IN_ATTEMPTS", 10, minimum=1)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_KB * 1024
# With each file of an upload goes the path that it had.
DATA_UPLOAD_MAX_NUMBER_FIELDS = MAX_FILES_PER_UPLOAD + 150
DATA_UPLOAD_MAX_NUMBER_FILES = MAX_FILES_PER_UPLOAD
FILE_UPLOAD_TEMP_DIR = VAR_DIR / "uploads"
FILE_UPLOAD_PERMISSIONS = 0o600
# Every file of a request lies on disk, so that a service can take it by its path.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]

# --- Ingestion -------------------------------------------------------------

# Name in the weights catalogue of the model that embeds passages and questions.
EMBEDDER = env_str("PLUMBLINE_EMBEDDER", "all-minilm-l6-v2")
# auto, float32 or bfloat16. auto: bfloat16 where a short measurement on this
# machine finds it faster and true to float32 (kept in precision.json).
EMBEDDING_PRECISION = env_choice(
    "PLUMBLINE_EMBEDDING_PRECISION", "auto", ("auto", "float32", "bfloat16")
)
# Texts in one batch; small batches of similar length are fastest on a CPU.
EMBEDDING_BATCH = env_int("PLUMBLINE_EMBEDDING_BATCH", 8, minimum=1)
# Threads of torch in a worker; 0: half of the cores, at least 1.
EMBEDDING_THREADS = env_int("PLUMBLINE_EMBEDDING_THREADS", 0)
# Documents that one worker has in hand: while one is embedded, another is
# parsed or stored. Embedding itself is done for one at a time.
WORKER_THREADS = env_int("PLUMBLINE_WORKER_THREADS", 2, minimum=1, maximum=16)
# Tokens of one chunk, special tokens and heading included (at most the
# window of the embedder, 256 for the default).
CHUNK_TOKENS = env_int("PLUMBLINE_CHUNK_TOKENS", 200, minimum=32, maximum=8192)
# Lease on a document being read, in seconds; a heartbeat renews it.
LEASE_S = env_int("PLUMBLINE_LEASE_S", 60, minimum=5)
# Attempts before a document is quarantined.
MAX_ATTEMPTS = env_int("PLUMBLINE_MAX_ATTEMPTS", 3, minimum=1)
# Pages of one document.
MAX_PAGES = env_int("PLUMBLINE_MAX_PAGES", 10_000, minimum=1)
# Characters extracted from one document.
MAX_TEXT_CHARS = env_int("PLUMBLINE_MAX_TEXT_CHARS", 50_000_000, minimum=1000)
# Wall clock, CPU seconds and memory of one parser child.
PARSER_WALL_S = env_int("PLUMBLINE_PARSER_WALL_S", 120, minimum=1)
PARSER_CPU_S = env_int("PLUMBLINE_PARSER_CPU_S", 60, minimum=1)
PARSER_MEMORY_MB = env_int("PLUMBLINE_PARSER_MEMORY_MB", 1024, minimum=128)

# True: writers may add a file by its web address; the site then fetches it.
URL_IMPORT = env_bool("PLUMBLINE_URL_IMPORT", False)
# Host names that files are fetched from, with all below them; empty: any public one.
URL_IMPORT_HOSTS = env_list("PLUMBLINE_URL_IMPORT_HOSTS", [])
# Seconds of one fetch.
URL_IMPORT_S = env_int("PLUMBLINE_URL_IMPORT_S", 60, minimum=1, maximum=600)

# --- Celery ----------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL or "redis://127.0.0.1:1/0"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_RETRY_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Threads, because torch hangs after a fork (celery issue 4113).
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = WORKER_THREADS
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For ever: a worker reads documents without Redis too.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_SOFT_TIME_LIMIT = 3600
CELERY_TASK_TIME_LIMIT = 3900
# A publish must fail within seconds when Redis is away: the row is the truth,
# and workers find it by themselves.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 43_200,
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "small"
# Each timer's message is worthless when the next one is due, and expires.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "reembed": {
        "task": "retrieval.tasks.reembed",
        "schedule": 30.0,
        "options": {"queue": "large", "expires": 25},
    },
    "sweep-answers": {
        "task": "generation.tasks.sweep_answers",
        "schedule": 30.0,
        "options": {"queue": "small", "expires": 25},
    },
}
# Files above this size wait in the queue for large ones, in MB.
LARGE_FILE_MB = env_int("PLUMBLINE_LARGE_FILE_MB", 5, minimum=1)

# --- Retrieval -------------------------------------------------------------

# Candidates taken from each ranking before fusion.
CANDIDATES = env_int("PLUMBLINE_CANDIDATES", 100, minimum=10, maximum=1000)
# Visible chunks up to which every vector is compared, whatever an index walk would
# cost: exact, and a millisecond for each thousand or two.
EXACT_SCAN_CHUNKS = env_int("PLUMBLINE_EXACT_SCAN_CHUNKS", 20_000)
# Vectors that are compared in the time of one step of an index walk; above
# EXACT_SCAN_CHUNKS the cheaper of the two is chosen by it.
WALK_COST = env_float("PLUMBLINE_WALK_COST", 50.0, minimum=0.0, maximum=10_000.0)
# hnsw.ef_search of an index scan.
HNSW_EF_SEARCH = env_int("PLUMBLINE_HNSW_EF_SEARCH", 400, minimum=10, maximum=1000)
# Connections of a vector in the HNSW index; more: better recall, more memory.
HNSW_M = env_int("PLUMBLINE_HNSW_M", 16, minimum=4, maximum=100)
# Candidates looked at while building it; more: better recall, longer build.
HNSW_EF_CONSTRUCTION = env_int(
    "PLUMBLINE_HNSW_EF_CONSTRUCTION", 64, minimum=8, maximum=1000
)
# Memory of one index build, in MB; 1.5 GB hold a million vectors of 384 numbers.
INDEX_MEMORY_MB = env_int("PLUMBLINE_INDEX_MEMORY_MB", 1024, minimum=64)
# Processes of an index build beside the one that leads it.
INDEX_WORKERS = env_int("PLUMBLINE_INDEX_WORKERS", 1, maximum=64)
# Models that read hits again, and hold sentences to their sources. Unset: none.
RERANKER, ENTAILMENT = env_str("PLUMBLINE_RERANKER"), env_str("PLUMBLINE_ENTAILMENT")
# Of the best hits, how many it reads; each costs tens of milliseconds on a CPU.
RERANK = env_int("PLUMBLINE_RERANK", 30, minimum=1, maximum=200)
# True: a passage in a prompt brings the one next to it. A fifth more tokens to read.
NEIGHBOURS = env_bool("PLUMBLINE_NEIGHBOURS", False)

# --- Generation ------------------------------------------------------------

# Name in the weights catalogue of the GGUF model that answers.
MODEL = env_str("PLUMBLINE_MODEL", "qwen2.5-coder-1.5b-instruct-q4_k_m")
# Address of an OpenAI-compatible server; `make run` starts its own.
MODEL_SERVER_URL = env_url("PLUMBLINE_MODEL_SERVER_URL", "http", "https")
# Bearer token for that server.
MODEL_SERVER_KEY = env_str("PLUMBLINE_MODEL_SERVER_KEY")
# Context of one request in tokens: prompt and answer together.
CONTEXT_TOKENS = env_int("PLUMBLINE_CONTEXT_TOKENS", 4096, minimum=512)
# Tokens of one answer.
MAX_ANSWER_TOKENS = env_int("PLUMBLINE_MAX_ANSWER_TOKENS", 400, minimum=16)
# Tokens of all passages in one prompt.
SOURCE_TOKENS = env_int("PLUMBLINE_SOURCE_TOKENS", 1400, minimum=100)
# Passages in one prompt: 96 % of SQuAD 2 dev questions have theirs in 4, 98 % in 6.
MAX_SOURCES = env_int("PLUMBLINE_MAX_SOURCES", 6, minimum=1, maximum=50)
# Passages read for a question over everything, such as "List all suppliers".
GATHER_PASSAGES = env_int("PLUMBLINE_GATHER_PASSAGES", 24, minimum=1, maximum=400)
# Confidence below which the answer is "Not in your documents", 0 to 1.
REFUSAL_THRESHOLD = env_float("PLUMBLINE_REFUSAL_THRESHOLD", 0.3, minimum=0, maximum=1)
# Characters of one question.
MAX_QUESTION_CHARS = env_int("PLUMBLINE_MAX_QUESTION_CHARS", 4000, minimum=100)
# Layers on the GPU: -1 all that fit, 0 none.
GPU_LAYERS = env_int("PLUMBLINE_GPU_LAYERS", -1, minimum=-1)
# Threads of llama.cpp; 0: all cores.
MODEL_THREADS = env_int("PLUMBLINE_MODEL_THREADS", 0)
# Requests that may wait at the model server before it answers 503.
MODEL_QUEUE = env_int("PLUMBLINE_MODEL_QUEUE", 16, minimum=1)
# Requests that the model server answers at the same time. Default 8.
MODEL_SLOTS = env_int("PLUMBLINE_MODEL_SLOTS", 8, minimum=1, maximum=32)
# Tokens in its cache, of all requests in progress; 0: 4 contexts, or what fits.
CACHE_TOKENS = env_int("PLUMBLINE_CACHE_TOKENS", 0)
# True: prompts that are the same for everybody are saved across restarts.
KEEP_PREFIXES = env_bool("PLUMBLINE_KEEP_PREFIXES", True)
# Wall clock of one answer, in seconds.
ANSWER_WALL_S = env_int("PLUMBLINE_ANSWER_WALL_S", 300, minimum=10)

# --- Logs ------------------------------------------------------------------

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOGGING = logging_config(env_choice("PLUMBLINE_LOG_LEVEL", "INFO", _LEVELS))
