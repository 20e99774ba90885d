# MiniStack with what it needs to run the tasks of ECS as containers, on the port where LocalStack listens.
# `cargo xtask image ministack` builds it, with the lists of packages in its context.
ARG BASE=debian:trixie-slim
FROM $BASE

# A base that has them is not updated, so that it needs no network.
RUN dpkg --status ca-certificates python3 python3-venv >/dev/null 2>&1 \
    || { apt-get update --quiet \
        && apt-get install --quiet --yes --no-install-recommends ca-certificates python3 python3-venv \
        && rm -rf /var/lib/apt/lists/*; }

# `authorities` is empty, or has the certificates that pip trusts on the machine that builds: behind a proxy they are others.
COPY requirements.txt requirements-docker.txt /tmp/
COPY authorities /tmp/authorities
RUN python3 -m venv /opt/ministack \
    && if [ -f /tmp/authorities/ca.crt ]; then export PIP_CERT=/tmp/authorities/ca.crt; fi \
    && /opt/ministack/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
        --requirement /tmp/requirements.txt --requirement /tmp/requirements-docker.txt

ENV PATH=/opt/ministack/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin GATEWAY_PORT=4566
EXPOSE 4566
CMD ["ministack"]
