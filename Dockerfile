# syntax=docker/dockerfile:1
# One image for web, worker, beat and model server.
#
#   docker build -t plumbline .
#   docker build -t plumbline:gpu --build-arg VARIANT=gpu .
#
# Python 3.11 comes from the distribution, so that the plain and the CUDA base
# take the same steps.
ARG VARIANT=cpu

FROM debian:12-slim AS build-cpu
# Every x86-64 processor since 2013 (x86-64-v3); an image moves between machines,
# so it must not be tuned to the one that builds it.
ENV PLUMBLINE_CMAKE_ARGS="-DGGML_NATIVE=OFF"

FROM nvidia/cuda:12.8.1-devel-ubuntu22.04 AS build-gpu
ENV PLUMBLINE_CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_CUDA=ON"

FROM debian:12-slim AS base-cpu
FROM nvidia/cuda:12.8.1-runtime-ubuntu22.04 AS base-gpu

FROM build-${VARIANT} AS build
ARG PLUMBLINE_TORCH_INDEX=""
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends python3.11 python3.11-venv python3.11-dev g++ make ca-certificates \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/plumbline
COPY requirements.txt ./
COPY rag_site ./rag_site
COPY manage.py ./
RUN PLUMBLINE_TORCH_INDEX="$PLUMBLINE_TORCH_INDEX" \
    PLUMBLINE_CACHE=/tmp/cache PLUMBLINE_WEIGHTS=/tmp/weights \
    python3.11 rag_site/bootstrap.py && rm -rf /tmp/cache /tmp/weights var

FROM base-${VARIANT}
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends python3.11 libgomp1 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /srv/plumbline --no-create-home plumbline \
    && install -d -o plumbline -g plumbline /srv/plumbline /data /weights
WORKDIR /srv/plumbline
COPY --from=build /srv/plumbline/.venv ./.venv
COPY --chown=root:root . .
ENV PATH="/srv/plumbline/.venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 TOKENIZERS_PARALLELISM=false \
    DJANGO_SETTINGS_MODULE=rag_site.settings \
    PLUMBLINE_VAR=/data PLUMBLINE_WEIGHTS=/weights
USER plumbline
VOLUME ["/data", "/weights"]
EXPOSE 8000
CMD ["uvicorn", "rag_site.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--http", "h11", "--h11-max-incomplete-event-size", "16384", \
     "--limit-concurrency", "200", "--timeout-keep-alive", "5", \
     "--timeout-graceful-shutdown", "30", \
     "--no-server-header", "--no-proxy-headers", "--no-access-log"]
