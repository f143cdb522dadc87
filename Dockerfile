# retint serve on the CPU, with the lite model inside. Build in the repository's root:
#
#   docker build -t retint .
#   docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges \
#       -p 127.0.0.1:8484:8484 -v retint-data:/data retint
#
# Other options (token, names, limits) and notes for GPUs: docs/serve.md.

FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/retint
# what retint needs changes seldom, retint often: the first layer is kept while pyproject.toml stays as it is
COPY pyproject.toml README.md LICENSE ./
COPY src/retint/__init__.py src/retint/__init__.py
COPY src/retint/weights/LICENSES.md src/retint/weights/LICENSES.md
RUN /opt/retint/bin/pip install --no-cache-dir '.[server,heic]' \
    && /opt/retint/bin/pip uninstall --yes retint
COPY src src
RUN /opt/retint/bin/pip install --no-cache-dir --no-deps . \
    && /opt/retint/bin/python -m compileall -q /opt/retint/lib \
    && /opt/retint/bin/pip uninstall --yes pip

FROM python:3.12-slim
# a user of its own, who owns the data folder and nothing else
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin retint \
    && install -d -o retint -g retint -m 0700 /data
COPY --from=build /opt/retint /opt/retint
# TMPDIR: nothing is written elsewhere, so that the rest can be read-only. RETINT_OFFLINE: nothing is ever fetched.
ENV PATH=/opt/retint/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RETINT_HOME=/data \
    RETINT_OFFLINE=1 \
    TMPDIR=/data
USER retint
WORKDIR /data
VOLUME /data
EXPOSE 8484
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8484/healthz', timeout=4)"]
ENTRYPOINT ["retint"]
CMD ["serve", "--host", "0.0.0.0", "--data", "/data/serve"]
