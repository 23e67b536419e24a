#!/bin/sh
# Installs what the tests need from the system's package manager: Java (ODK Validate), PostgreSQL's server, Chromium, Firefox ESR, certutil.
# Says plainly what it could not install; the tests that need it then fail with a message of their own.
missing=""
command -v javac >/dev/null 2>&1 || missing="$missing default-jdk-headless"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null 2>&1 || missing="$missing postgresql"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v firefox-esr >/dev/null 2>&1 || command -v firefox >/dev/null 2>&1 || missing="$missing firefox-esr"
command -v certutil >/dev/null 2>&1 || missing="$missing libnss3-tools"
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: please install with your package manager:$missing (tests need them; running does not)" >&2
  exit 0
fi
if [ "$(id -u)" = 0 ]; then sudo=""; else sudo="sudo -n"; fi
echo "setup: installing$missing"
$sudo apt-get update -qq >/dev/null 2>&1
for package in $missing; do
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 \
    || echo "setup: could not install $package; the tests that need it will fail and say so" >&2
done
exit 0
