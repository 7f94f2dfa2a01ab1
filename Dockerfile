# Headwater's image: Python, what it links to, and Headwater; 4566 and 4567 are its ports, /data its data.
#
#     make dist                      # dist/ has the wheel
#     docker build -t headwater .    # with --build-arg EXTRAS=aws for the services beside it
#
# docs/image.md says how it is run. BASE may be any image with Python 3.11 or later on Debian or the like. Packages come
# from where the secret `pip` (a pip.conf) says, over TLS as the secret `ca` (certificates) has it, if there are such.
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS assembled
ARG EXTRAS=""
COPY dist/*.whl scripts/assemble_image.py /build/
# What is installed and left out again never reaches a disk: only what the image has does.
RUN --mount=type=tmpfs,target=/opt \
    --mount=type=tmpfs,target=/aside \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/etc/ssl/build-ca.pem \
    --mount=type=cache,target=/root/.cache/pip \
    set -e; \
    python3 -m venv /aside/pip; \
    python3 -m venv --without-pip /opt/headwater; \
    for wheel in /build/*.whl; do \
        /aside/pip/bin/pip --python /opt/headwater/bin/python3 install --quiet --no-compile "$wheel${EXTRAS:+[$EXTRAS]}"; \
    done; \
    python3 /build/assemble_image.py /aside/image; \
    cp -a /aside/image /image

FROM scratch
COPY --from=assembled /image /
ENV PATH=/opt/headwater/bin:/usr/bin:/bin \
    HOME=/data \
    LANG=C.UTF-8 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    HEADWATER_HOST=0.0.0.0 \
    HEADWATER_PORT=4566,4567 \
    HEADWATER_DATA_DIR=/data \
    HEADWATER_PID_FILE=/data/headwater.pid
USER 10001:0
WORKDIR /data
VOLUME /data
EXPOSE 4566 4567
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["headwater", "status", "--pid-file", "/data/headwater.pid"]
ENTRYPOINT ["headwater", "start"]
