# syntax=docker/dockerfile:1
# One image for web, worker, beat and model server.
#
#   docker build -t plumbline .
#   docker build -t plumbline:gpu --build-arg VARIANT=gpu .
#
# The GPU variant takes the same Python into NVIDIA's base image, whose own is
# another version.
ARG VARIANT=cpu

FROM python:3.11-slim-bookworm AS python

FROM python AS build-cpu
# An image moves between machines, so it must not be tuned to the one that builds
# it: every x86-64 processor since 2013 runs this (AVX2, FMA, F16C).
ENV PLUMBLINE_CMAKE_ARGS="-DGGML_NATIVE=OFF"

FROM nvidia/cuda:12.8.1-devel-ubuntu24.04 AS build-gpu
COPY --from=python /usr/local /usr/local
ENV PLUMBLINE_CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_CUDA=ON"

FROM python AS base-cpu

FROM nvidia/cuda:12.8.1-runtime-ubuntu24.04 AS base-gpu
COPY --from=python /usr/local /usr/local
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends libssl3 libffi8 libsqlite3-0 libbz2-1.0 liblzma5 libexpat1 \
    && rm -rf /var/lib/apt/lists/*

FROM build-${VARIANT} AS build
ARG PLUMBLINE_TORCH_INDEX=""
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends g++ make ca-certificates libgomp1 libssl3 libffi8 libsqlite3-0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/plumbline
COPY requirements.txt requirements-ocr.txt ./
COPY rag_site ./rag_site
COPY manage.py ./
RUN PLUMBLINE_TORCH_INDEX="$PLUMBLINE_TORCH_INDEX" \
    PLUMBLINE_CACHE=/tmp/cache PLUMBLINE_WEIGHTS=/tmp/weights \
    python3.11 -m rag_site.bootstrap && rm -rf /tmp/cache /tmp/weights var

FROM base-${VARIANT}
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends libgomp1 ca-certificates \
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
