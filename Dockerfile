# The image: DeepLabCut with one engine, and the entrypoint that analyses one manifest row. docs/image.md explains it.
# No RUN --mount and no here-documents: the classic builder of Docker 20.10 must build it as well as BuildKit.
# The base is Debian 12 slim; BASE_IMAGE=debian:bookworm-slim without a digest takes a local one (`make base`).
ARG BASE_IMAGE=debian:bookworm-slim@sha256:7b140f374b289a7c2befc338f42ebe6441b7ea838a042bbd5acbfca6ec875818
# One of requirements/flavours.toml
ARG FLAVOUR=tensorflow-cu122
# Time stamp of every file that the build makes (the day of the pinned base): the same inputs give the same files.
ARG SOURCE_DATE_EPOCH=1783900800

# --- os: what both the build and the result stand on ------------------------------------------------------------
FROM ${BASE_IMAGE} AS os
ARG SOURCE_DATE_EPOCH
# Without the variable Python compiles its own modules as valid for a time stamp, which is quicker to check than a hash
RUN touch /tmp/began && apt-get update \
    && DEBIAN_FRONTEND=noninteractive env -u SOURCE_DATE_EPOCH \
        apt-get install -y --no-install-recommends python3.11 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/cache/ldconfig/aux-cache \
        /var/lib/dpkg/*-old /var/log/apt /var/log/*.log \
    && find /etc /opt /usr /var -xdev -newer /tmp/began ! -name resolv.conf ! -name hosts ! -name hostname \
        -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} + \
    && rm /tmp/began && touch -d "@$SOURCE_DATE_EPOCH" /tmp

# --- env: the flavour's lock in /opt/dlc -------------------------------------------------------------------------
FROM os AS env
# Names the layers that stay as the build's cache, for `make clean-cache`; the image itself starts from another stage
LABEL org.dlcctr.stage=env
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3.11-venv ca-certificates \
    && python3.11 -m venv /build/pip && python3.11 -m venv --without-pip /opt/dlc
COPY certs/ /build/certs/
COPY wheels/ /build/wheels/
ARG FLAVOUR
# This flavour's lock alone: a change of another must not make this layer again
COPY requirements/${FLAVOUR}.lock requirements/openvino.lock requirements/flavours.toml /build/requirements/
COPY docker/install.sh docker/slim.sh docker/facts.py /build/
# pip's own settings, for mirrors; they stay in this stage
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG SOURCE_DATE_EPOCH
RUN sh /build/install.sh /opt/dlc "$FLAVOUR"
RUN /opt/dlc/bin/python -I /build/facts.py check "$FLAVOUR" /build/requirements/flavours.toml /build/facts.json \
    && sh /build/slim.sh /opt/dlc

# --- app: this project's own files, apart from the heavy layer, so that a change of code rebuilds in seconds; and what
# the image says of itself. All of it in /tree, as it lies in the image.
FROM env AS app
COPY --from=os /var/lib/dpkg/status /build/dpkg-status
COPY pyproject.toml README.md LICENSE /build/src/
COPY dlcctr/ /build/src/dlcctr/
COPY entrypoint/ /build/src/entrypoint/
COPY slurm/ /build/src/slurm/
COPY docker/dlc docker/python docker/environment.sh docker/dlcctr_startup.py docker/app.sh docker/sbom.py /build/
ARG SOURCE_DATE_EPOCH
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG BASE_DIGEST
RUN sh /build/app.sh /tree \
        "version=$VERSION" "revision=$REVISION" "created=$CREATED" "base_digest=$BASE_DIGEST"

# --- one stage a flavour, for labels that a Dockerfile cannot compute; facts.py and a test hold them true ---------
# Licences: dlcctr's, DeepLabCut's and that of PyAV's FFmpeg with x264 and x265; LicenseRef-sbom is all others, which
# the bill of materials names.
FROM os AS labelled-pytorch-cpu
LABEL org.dlcctr.engine=pytorch org.dlcctr.engine-version=2.13.0 org.dlcctr.cuda="" org.dlcctr.min-driver="" \
      org.dlcctr.gpu-archs="" \
      org.opencontainers.image.licenses="MIT AND LGPL-3.0-or-later AND GPL-3.0-or-later AND LicenseRef-sbom"
FROM os AS labelled-pytorch-cu126
LABEL org.dlcctr.engine=pytorch org.dlcctr.engine-version=2.7.1 org.dlcctr.cuda=12.6 org.dlcctr.min-driver=525.60.13 \
      org.dlcctr.gpu-archs="sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90" \
      org.opencontainers.image.licenses="MIT AND LGPL-3.0-or-later AND GPL-3.0-or-later AND LicenseRef-NVIDIA-Proprietary AND LicenseRef-sbom"
FROM os AS labelled-pytorch-cu130
LABEL org.dlcctr.engine=pytorch org.dlcctr.engine-version=2.13.0 org.dlcctr.cuda=13.0 org.dlcctr.min-driver=580 \
      org.dlcctr.gpu-archs="sm_75 sm_80 sm_86 sm_90 sm_100 sm_120" \
      org.opencontainers.image.licenses="MIT AND LGPL-3.0-or-later AND GPL-3.0-or-later AND LicenseRef-NVIDIA-Proprietary AND LicenseRef-sbom"
FROM os AS labelled-tensorflow-cpu
LABEL org.dlcctr.engine=tensorflow org.dlcctr.engine-version=2.15.1 org.dlcctr.cuda="" org.dlcctr.min-driver="" \
      org.dlcctr.gpu-archs="" \
      org.opencontainers.image.licenses="MIT AND LGPL-3.0-or-later AND GPL-3.0-or-later AND LicenseRef-sbom"
FROM os AS labelled-tensorflow-cu122
LABEL org.dlcctr.engine=tensorflow org.dlcctr.engine-version=2.15.1 org.dlcctr.cuda=12.2 \
      org.dlcctr.min-driver=525.60.13 org.dlcctr.gpu-archs="sm_50 sm_60 sm_70 sm_75 compute_80" \
      org.opencontainers.image.licenses="MIT AND LGPL-3.0-or-later AND GPL-3.0-or-later AND LicenseRef-NVIDIA-Proprietary AND LicenseRef-sbom"

# --- the result ----------------------------------------------------------------------------------------------------
FROM labelled-${FLAVOUR}
COPY --from=env /opt/ /opt/
COPY --from=app /tree/ /
# SINGULARITY_NO_EVAL: a SIF's run script hands $(…) and quotes in arguments on as they are, instead of evaluating them.
# The first two folders hold our wrappers; ptxas of the TensorFlow CUDA flavour lies in the last.
ENV PATH=/usr/local/bin:/opt/dlc/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/dlc/lib/python3.11/site-packages/nvidia/cuda_nvcc/bin \
    LANG=C.UTF-8 \
    PYTHONNOUSERSITE=1 \
    DLClight=True \
    SINGULARITY_NO_EVAL=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
ARG FLAVOUR
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE
ARG BASE_DIGEST
ARG BASE_IMAGE
LABEL org.opencontainers.image.title=dlcctr \
      org.opencontainers.image.description="DeepLabCut for GPU clusters: one manifest row in, one verified result out" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.base.name="$BASE_IMAGE" \
      org.opencontainers.image.base.digest="$BASE_DIGEST" \
      org.dlcctr.contract=2 \
      org.dlcctr.deeplabcut=3.0.2 \
      org.dlcctr.flavour="$FLAVOUR" \
      org.dlcctr.sbom=/opt/dlc/sbom.cdx.json
# A user id that is no person's. Every other one works as well (docker run --user); Apptainer's user is its caller.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/dlc"]
CMD ["--help"]
