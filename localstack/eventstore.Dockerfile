# EventStoreDB's stand-in: `eventstore-embedded` where the real images have their server, run by whom they run it. It has the
# tools of the task's other containers as well. `cargo xtask image eventstore` builds it, with the program in its context.
ARG BASE=debian:trixie-slim
FROM $BASE

# util-linux has `flock`. A base that has all of them is not updated, so that it needs no network.
RUN dpkg --status ca-certificates curl util-linux >/dev/null 2>&1 \
    || { apt-get update --quiet \
        && apt-get install --quiet --yes --no-install-recommends ca-certificates curl util-linux \
        && rm -rf /var/lib/apt/lists/*; }

# The lines up to 25.1 run as 1000; from 26.0 on their image has another user of that number, and they run as 1001.
RUN groupadd --gid 1000 eventstore && useradd --uid 1000 --gid 1000 --no-create-home eventstore \
    && groupadd --gid 1001 kurrent && useradd --uid 1001 --gid 1001 --no-create-home kurrent \
    && install --directory --owner 1000 --group 1000 /var/lib/eventstore /var/log/eventstore \
    && install --directory --owner 1001 --group 1001 /var/lib/kurrentdb /var/log/kurrentdb

COPY eventstore-embedded /usr/local/bin/

# The servers of the old and of the new name. They differ in where their data are unless they are told.
RUN mkdir -p /opt/eventstore /opt/kurrentdb \
    && ln -s /usr/local/bin/eventstore-embedded /opt/eventstore/EventStore.ClusterNode \
    && printf '%s\n' '#!/bin/sh' 'export KURRENTDB_DB="${KURRENTDB_DB:-/var/lib/kurrentdb}"' 'exec eventstore-embedded' \
        > /opt/kurrentdb/KurrentDB \
    && chmod 0755 /opt/kurrentdb/KurrentDB

# As the configuration file of the real images says. With the old prefix, so that a variable with the new one wins.
ENV EVENTSTORE_NODE_IP=0.0.0.0
EXPOSE 2113
USER kurrent
ENTRYPOINT ["/opt/kurrentdb/KurrentDB"]
HEALTHCHECK --interval=5s --timeout=5s --retries=24 \
    CMD curl --silent --fail --insecure https://localhost:2113/health/live \
        || curl --silent --fail http://localhost:2113/health/live || exit 1
