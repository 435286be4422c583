# The switch in a container: no build step, no root, nothing written outside /app/data and /tmp.
#
#   docker build -t pointsman .
#   docker run --init --read-only --tmpfs /tmp --stop-timeout 100 -v pointsman-data:/app/data \
#     -v ./site:/app/site:ro -p 8583:8583 pointsman start --config site/pointsman.yaml
#
# The configuration inside listens on loopback, for a first look; yours, mounted as above with the
# files that it names, says `host: 0.0.0.0` and `privateNetwork: true` or `tls`, and of each acquirer
# `privateLine: true` or `tls`. From its folder the default paths, ../data/…, lead into the volume.
# The journal belongs to this container's identity: one volume, one container. A drain takes up to
# three times `timeouts.drainMs`, 90 s, which is more than the 10 s that Docker waits by itself before
# it kills. docs/operate/deploy has this as a compose file, and for systemd and Kubernetes.

# The Node that package.json pins for clones.
FROM node:26.10.0-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The image has its own Node; the one pinned for clones is left out.
RUN npm ci --omit=dev && rm -rf node_modules/node-linux-*

FROM node:26.10.0-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY src ./src
COPY config ./config
# By name too: PostgreSQL's initdb refuses to run as somebody whom /etc/passwd does not know.
RUN groupadd --gid 10001 pointsman \
  && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin pointsman \
  && mkdir data && chown 10001:10001 data
# Numeric, so that an orchestrator can see that it is not root.
USER 10001:10001
VOLUME /app/data
EXPOSE 8583 8582 8584 8585 8586 8080 8081
STOPSIGNAL SIGTERM
# Alive, not ready: to restart a switch because its acquirers are away would help nobody.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "src/main.ts", "health", "--alive"]
ENTRYPOINT ["node", "src/main.ts"]
CMD ["start"]
