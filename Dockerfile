# Written, not built here: no container engine was at hand. Two stages, no root, a health check.
FROM node:20-bookworm-slim AS web
WORKDIR /build
COPY web/office/package.json web/office/package-lock.json web/office/
COPY web/field/package.json web/field/package-lock.json web/field/
RUN cd web/office && npm ci --no-fund --no-audit && cd ../field && npm ci --no-fund --no-audit
COPY web web
RUN mkdir -p server/office/static server/field && (cd web/office && npm run build) && cd web/field && npm run build

FROM python:3.11-slim-bookworm AS packages
WORKDIR /build
COPY requirements.lock pyproject.toml README.md ./
COPY forms forms
COPY sync sync
COPY server server
COPY --from=web /build/server/office/static/dist server/office/static/dist
COPY --from=web /build/server/field/static server/field/static
RUN python -m venv /opt/fieldpost \
 && /opt/fieldpost/bin/pip install --no-cache-dir --constraint requirements.lock babel \
 && /opt/fieldpost/bin/pybabel --quiet compile --locale fr --directory server/office/translations \
 && /opt/fieldpost/bin/pip install --no-cache-dir --constraint requirements.lock .

FROM python:3.11-slim-bookworm
# Java runs ODK Validate when a questionnaire is published.
RUN apt-get update && apt-get install -y --no-install-recommends default-jre-headless && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --create-home fieldpost && mkdir /data && chown fieldpost /data
COPY --from=packages /opt/fieldpost /opt/fieldpost
ENV PATH=/opt/fieldpost/bin:$PATH FIELDPOST_DATA_DIR=/data PYTHONUNBUFFERED=1
USER fieldpost
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=4)"
CMD ["sh", "-c", "fieldpost init && exec fieldpost serve --host 0.0.0.0 --port 8080"]
