# mcpgate in a container: built in one stage, run in another that holds no compiler.
#   docker build --tag mcpgate .
#   docker build --build-arg WHEEL_FROM=prebuilt .     # takes dist/*.whl instead of compiling
ARG BASE_IMAGE=python:3.13-slim-bookworm
ARG RUST_IMAGE=rust:1-slim-bookworm
ARG WHEEL_FROM=source

FROM ${RUST_IMAGE} AS wheel-source
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN python3 -m venv /build \
    && /build/bin/pip install --no-cache-dir maturin==1.16.0 \
    && /build/bin/maturin build --release --locked --out /dist

FROM scratch AS wheel-prebuilt
COPY dist/ /dist/

FROM wheel-${WHEEL_FROM} AS wheel

FROM ${BASE_IMAGE} AS install
COPY --from=wheel /dist/ /dist/
# The environment gets no pip of its own: nothing is installed later.
RUN python3 -m venv --without-pip /opt/mcpgate \
    && python3 -m venv /installer \
    && /installer/bin/pip --python /opt/mcpgate/bin/python install --no-cache-dir /dist/*.whl

FROM ${BASE_IMAGE} AS runtime
COPY --from=install /opt/mcpgate /opt/mcpgate
# A fixed number, so that a cluster can demand it; the home is the state directory.
RUN printf 'mcpgate:x:10001:\n' >> /etc/group \
    && printf 'mcpgate:x:10001:10001::/var/lib/mcpgate:/usr/sbin/nologin\n' >> /etc/passwd \
    && mkdir -p /var/lib/mcpgate /etc/mcpgate \
    && chown 10001:10001 /var/lib/mcpgate \
    && chmod 0700 /var/lib/mcpgate
ENV HOME=/var/lib/mcpgate \
    PATH=/opt/mcpgate/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/mcpgate
VOLUME /var/lib/mcpgate
EXPOSE 7332
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7332/healthz', timeout=2)"]
ENTRYPOINT ["mcpgate"]
CMD ["serve", "--config", "/etc/mcpgate/mcpgate.yaml"]
