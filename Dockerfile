# The image holds Python, the runtime requirements, the service and one baked model, but nothing that trains.
# To pin the base image for a release, give its digest:
#   --build-arg PYTHON_IMAGE=python:3.13-slim-trixie@sha256:…   (docker buildx imagetools inspect python:3.13-slim-trixie)
ARG PYTHON_IMAGE=python:3.13-slim-trixie

# ---- shared by the stages that install; a private index or another CA come as build secrets (see README)
FROM ${PYTHON_IMAGE} AS install
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
COPY --chmod=755 <<'SCRIPT' /usr/local/bin/install-locked
#!/bin/sh -e
# install-locked VENV REQUIREMENTS: make a virtual environment without pip, from wheels with the locked hashes
if [ -f /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi
if [ -f /run/secrets/pip.conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip.conf; fi
python -m venv --without-pip "$1"
# --no-deps: the lock is complete, except for what onnxruntime requires and never imports
pip --python "$1/bin/python" install --no-deps --require-hashes --only-binary :all: --no-compile -r "$2"
SCRIPT

WORKDIR /srv

# ---- the runtime requirements, without files that no request needs; compiled, because the root is read-only
FROM install AS runtime
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.pem \
    install-locked /opt/venv requirements.txt
COPY infra/slim.sh ./
RUN sh slim.sh /opt/venv && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv

# ---- the model; of the service, this stage has only app/core, which a model depends on
FROM install AS bake
COPY model_build/requirements.txt model_build/
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.pem \
    install-locked /opt/venv model_build/requirements.txt
COPY app/core/ app/core/
COPY model_build/ model_build/
COPY data/ data/
ARG MODEL_SPEC=census
ARG DATA_SOURCE=auto
ARG GIT_COMMIT=
RUN --mount=type=secret,id=ca.pem \
    if [ -f /run/secrets/ca.pem ]; then export SSL_CERT_FILE=/run/secrets/ca.pem AWS_CA_BUNDLE=/run/secrets/ca.pem; fi; \
    /opt/venv/bin/python -m model_build bake "$MODEL_SPEC" --source "$DATA_SOURCE" --out model

# ---- the model alone: docker build --target model --output out .
FROM scratch AS model
COPY --from=bake /srv/model /

# ---- the files of the image
FROM ${PYTHON_IMAGE} AS files
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash "$(python -c 'import os; print(os.path.dirname(os.__file__))')" \
        -x 'site-packages|ensurepip|idlelib|test|tkinter|turtledemo|lib2to3' \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin service
COPY --from=runtime /opt/venv /opt/venv
WORKDIR /srv
COPY --from=model / model/
COPY run.sh ./
COPY app/ app/
RUN python -m compileall -q --invalidation-mode unchecked-hash app

# ---- what these files are, as CycloneDX: docker build --target sbom --output out .
FROM install AS inventory
COPY infra/sbom-requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.pem \
    install-locked /opt/venv sbom-requirements.txt
COPY infra/sbom.py infra/swagger/package-lock.json ./
RUN --mount=type=bind,from=files,target=/mnt \
    /opt/venv/bin/python sbom.py /mnt package-lock.json > sbom.cdx.json

FROM scratch AS sbom
COPY --from=inventory /srv/sbom.cdx.json /

# ---- the image
FROM files AS service
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BIND_ADDRESS=0.0.0.0 \
    PORT=8001 \
    WEB_CONCURRENCY=1 \
    DRAIN_SECONDS=15
USER 10001:10001
EXPOSE 8001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["python", "-m", "app.healthcheck"]
CMD ["./run.sh"]

# infra/build_image.sh adds the labels that differ between builds.
LABEL org.opencontainers.image.title="census-model-api" \
      org.opencontainers.image.licenses="MIT"
