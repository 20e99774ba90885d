# The gateway, as its task runs it: as somebody who is not root, on a root file system that cannot be written to, and with `curl`
# for its health check. `cargo xtask image gateway` builds it, with the program in its context.
ARG BASE=debian:trixie-slim
FROM $BASE

# A base that has them is not updated, so that it needs no network.
RUN dpkg --status ca-certificates curl >/dev/null 2>&1 \
    || { apt-get update --quiet \
        && apt-get install --quiet --yes --no-install-recommends ca-certificates curl \
        && rm -rf /var/lib/apt/lists/*; }

# Fargate gives a task's own volume to whom the image gives it, where the image names it as a volume after that.
RUN groupadd --gid 1000 gateway && useradd --uid 1000 --gid 1000 --no-create-home gateway \
    && install --directory --owner 1000 --group 1000 --mode 0700 /var/lib/headwater/spool
VOLUME ["/var/lib/headwater/spool"]

COPY gateway /usr/local/bin/

EXPOSE 8080 9090
USER 1000:1000
ENTRYPOINT ["gateway"]
