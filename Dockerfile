# The switch in a container: no build step, no root, nothing written outside /data.
#
#   docker build -t pointsman .
#   docker run --read-only --tmpfs /tmp -v pointsman-data:/app/data \
#     -v ./pointsman.yaml:/app/pointsman.yaml:ro -p 8583:8583 pointsman
#
# The configuration inside listens on loopback, for a first look; yours, mounted as above, says
# `host: 0.0.0.0` and `privateNetwork: true` or `tls`. The journal belongs to this container's
# identity: one volume, one container.

FROM node:26-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The image has its own Node; the one pinned for clones is left out.
RUN npm ci --omit=dev && rm -rf node_modules/node-linux-*

FROM node:26-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY src ./src
COPY config ./config
# Numeric, so that an orchestrator can see that it is not root.
RUN mkdir data && chown 10001:10001 data
USER 10001:10001
VOLUME /app/data
EXPOSE 8583 8582 8584 8585 8586 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "src/main.ts", "health"]
ENTRYPOINT ["node", "src/main.ts"]
CMD ["start"]
